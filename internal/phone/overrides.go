package phone

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// overrides are Twilio's connection settings for one URL: the defaults, or what the URL's fragment says.
//
// See https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
type overrides struct {
	connect  time.Duration // ct: for TCP, and again for TLS
	read     time.Duration // rt: until the first byte, and between packets
	total    time.Duration // tt: for all tries together
	hasTotal bool          // tt is given
	retries  int           // rc
	policy   policy        // rp: after which failures Twilio tries again
	sni      bool          // sni: the TLS handshake names the host
}

// policy is a set of failures.
type policy uint8

const (
	retryConnect policy = 1 << iota // there was no connection or no TLS handshake
	retryRead                       // no response came in time
	retry4xx
	retry5xx
	retryOther // only "all" includes this: the connection was lost before the first byte

	retryAll = retryConnect | retryRead | retry4xx | retry5xx | retryOther
)

// parseOverrides parses a URL's fragment. The error names the override and does not quote its value. If an override is
// given twice, the last one counts. Edges are accepted and have no effect, because a phone has only one place.
func parseOverrides(fragment string) (overrides, error) {
	o := overrides{
		connect: 5 * time.Second,
		read:    15 * time.Second,
		total:   15 * time.Second,
		retries: 1,
		policy:  retryConnect,
		sni:     true,
	}
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
		o.connect, err = parseMilliseconds(key, value, 10000)
	case "rt":
		o.read, err = parseMilliseconds(key, value, 15000)
	case "tt":
		o.total, err = parseMilliseconds(key, value, 15000)
		o.hasTotal = true
	case "rc":
		o.retries, err = parseNumber(key, value, 0, 5)
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
		err = errors.New("the URL's fragment has an unknown connection override (known are ct, rt, tt, rc, rp, sni and e)")
	}
	return err
}

// parseMilliseconds parses a time-out, which is at least 100 ms.
func parseMilliseconds(key, value string, most int) (time.Duration, error) {
	n, err := parseNumber(key, value, 100, most)
	return time.Duration(n) * time.Millisecond, err
}

func parseNumber(key, value string, least, most int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("the connection override %s is not a number from %d to %d", key, least, most)
	}
	return n, nil
}

// parsePolicy parses a list that is separated by commas.
func parsePolicy(list string) (policy, error) {
	names := map[string]policy{"ct": retryConnect, "rt": retryRead, "4xx": retry4xx, "5xx": retry5xx, "all": retryAll}
	var p policy
	for name := range strings.SplitSeq(list, ",") {
		if names[name] == 0 {
			return 0, errors.New("the connection override rp is not a list of ct, rt, 4xx, 5xx and all")
		}
		p |= names[name]
	}
	return p, nil
}
