package phone

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// overrides are how Twilio goes about one URL: its defaults, or what the fragment says.
//
// See https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
type overrides struct {
	connect  time.Duration // ct: for TCP, and as long again for TLS
	read     time.Duration // rt: until the first byte, and between packets
	total    time.Duration // tt: all attempts together
	totalSet bool          // it was given
	retries  int           // rc
	policy   policy        // rp: which failures are tried again
	sni      bool          // sni: name the host to the server
}

// policy is a set of failures.
type policy uint8

const (
	retryConnect policy = 1 << iota // no connection, or no TLS handshake
	retryRead                       // nothing came in time
	retry4xx
	retry5xx
	retryRest // what only "all" names: a connection that was lost before the first byte

	retryAll = retryConnect | retryRead | retry4xx | retry5xx | retryRest
)

// defaults are Twilio's: 5 s to connect, 15 s in all, once more where no connection was had.
func defaults() overrides {
	return overrides{
		connect: 5 * time.Second,
		read:    15 * time.Second,
		total:   15 * time.Second,
		retries: 1,
		policy:  retryConnect,
		sni:     true,
	}
}

// parseOverrides reads a fragment, without its '#'. The error names the override and quotes no value. Of an override
// that is given twice the last counts. Edges are taken and have no effect: every phone is in one place.
func parseOverrides(fragment string) (overrides, error) {
	o := defaults()
	for pair := range strings.SplitSeq(fragment, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		if err := o.set(key, value); err != nil {
			return overrides{}, err
		}
	}
	return o, nil
}

func (o *overrides) set(key, value string) (err error) {
	switch key {
	case "ct":
		o.connect, err = milliseconds(key, value, 10000)
	case "rt":
		o.read, err = milliseconds(key, value, 15000)
	case "tt":
		o.total, err = milliseconds(key, value, 15000)
		o.totalSet = true
	case "rc":
		o.retries, err = whole(key, value, 0, 5)
	case "rp":
		o.policy, err = parsePolicy(value)
	case "sni":
		o.sni = value == "y"
		if value != "y" && value != "n" {
			err = errors.New("the connection override sni is neither y nor n")
		}
	case "e":
		if value == "" {
			err = errors.New("the connection override e names no edge")
		}
	default:
		err = errors.New("the URL's fragment has something that is no connection override (ct, rt, tt, rc, rp, sni, e)")
	}
	return err
}

// milliseconds reads a time limit. None may be below 100 ms.
func milliseconds(key, value string, most int) (time.Duration, error) {
	n, err := whole(key, value, 100, most)
	return time.Duration(n) * time.Millisecond, err
}

func whole(key, value string, least, most int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("the connection override %s is not a number from %d to %d", key, least, most)
	}
	return n, nil
}

// parsePolicy reads a list by commas.
func parsePolicy(list string) (policy, error) {
	var p policy
	for name := range strings.SplitSeq(list, ",") {
		switch name {
		case "ct":
			p |= retryConnect
		case "rt":
			p |= retryRead
		case "4xx":
			p |= retry4xx
		case "5xx":
			p |= retry5xx
		case "all":
			p |= retryAll
		default:
			return 0, errors.New("the connection override rp is not a list of ct, rt, 4xx, 5xx and all")
		}
	}
	return p, nil
}
