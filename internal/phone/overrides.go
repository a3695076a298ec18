package phone

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// overrides are the connection settings for one URL: Twilio's defaults, changed by the fragment of the URL.
//
// See https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
type overrides struct {
	connect  time.Duration // ct: for TCP, and again for TLS
	read     time.Duration // rt: until the first byte, and between packets
	total    time.Duration // tt: for all tries together
	hasTotal bool          // tt is given
	retries  int           // rc
	policy   policy        // rp: the failures after which Twilio tries again
	sni      bool          // sni: the TLS handshake names the host
}

// policy is a set of failures.
type policy uint8

const (
	retryConnect policy = 1 << iota // there was no connection or no TLS handshake
	retryRead                       // no response came in time
	retry4xx
	retry5xx
	retryOther // the connection was lost before the first byte; only "all" includes this

	retryAll = retryConnect | retryRead | retry4xx | retry5xx | retryOther
)

// parseOverrides parses a URL's fragment. The error names the override and does not quote its value. If an override is
// given twice, the last one counts. Edges are accepted and have no effect, because a phone has only one location.
func parseOverrides(fragment string) (overrides, error) {
	o := overrides{
		connect: 5 * time.Second,
		read:    15 * time.Second,
		total:   15 * time.Second,
		retries: 1,
		policy:  retryConnect,
		sni:     true,
	}
	limits := map[string][2]int{"ct": {100, 10000}, "rt": {100, 15000}, "tt": {100, 15000}, "rc": {0, 5}}
	for pair := range strings.SplitSeq(fragment, "&") {
		key, value, _ := strings.Cut(pair, "=")
		number, err := strconv.Atoi(value)
		if limit, isNumber := limits[key]; isNumber && (err != nil || number < limit[0] || number > limit[1]) {
			return o, fmt.Errorf("the connection override %s is not a number from %d to %d", key, limit[0], limit[1])
		}
		switch pause := time.Duration(number) * time.Millisecond; {
		case pair == "":
		case key == "ct":
			o.connect = pause
		case key == "rt":
			o.read = pause
		case key == "tt":
			o.total, o.hasTotal = pause, true
		case key == "rc":
			o.retries = number
		case key == "rp":
			if o.policy, err = parsePolicy(value); err != nil {
				return o, err
			}
		case key == "sni" && (value == "y" || value == "n"):
			o.sni = value == "y"
		case key == "sni":
			return o, errors.New("the connection override sni is neither y nor n")
		case key == "e" && value == "":
			return o, errors.New("the connection override e is empty: give it an edge, such as e=ashburn")
		case key != "e":
			return o, errors.New("a connection override is unknown: use ct, rt, tt, rc, rp, sni or e")
		}
	}
	return o, nil
}

// parsePolicy parses the names of policies, separated by commas.
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
