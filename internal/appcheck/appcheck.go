// Package appcheck sends messages to a team's own app through the whole service, in one process: two replicas share an
// embedded Redis, and a simulated phone sends what any app must survive. It judges by Twilio's error numbers, and it
// finds out whether the app may be called twice for one message. It sends no text messages and needs no account.
package appcheck

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"smsession/internal/config"
	"smsession/internal/duration"
	"smsession/internal/hostname"
	"smsession/internal/twilio"
	"smsession/internal/twiml"
	"smsession/internal/weburl"
)

// limit is how long a whole check may take. An app that answers needs a few seconds. One message of an app that does
// not answer costs two time-outs: one at the webhook and one at the fallback URL.
const limit = 5 * time.Minute

// Options are what a check needs.
type Options struct {
	App     config.App   // as the service is configured with it
	Token   twilio.Token // signs the calls of the app; an account or a value that is missing is random
	Version string       // of this program
	Texts   []string     // what the senders write, over and over; empty for texts that every app can get

	slowest time.Duration // the delay of the slowest network; 0 for a quarter of App.Timeout
}

// View shows the results while the check runs.
type View interface {
	Scenario(Result) error
	Summary(Summary) error
}

// Run carries out all scenarios, one after the other, and shows each result and then the summary. It stops after the
// first scenario if the app did not answer its message, because the others could not show anything else. Run returns
// the error of Summary.Err, or the first error of view, or of ctx. It returns an error without any result if the app
// cannot be reached or if the replicas cannot start.
func Run(ctx context.Context, o Options, view View) error {
	if err := reach(ctx, o.App.URL); err != nil {
		return err
	}
	tooLong := fmt.Errorf("the check was not complete after %s", duration.Format(limit))
	ctx, cancel := context.WithTimeoutCause(ctx, limit, tooLong)
	defer cancel()
	f, err := startFleet(ctx, o)
	if err != nil {
		return err
	}
	defer f.close()
	sum, err := play(ctx, f, textsOf(o.Texts), view)
	if err != nil {
		return err
	}
	if err := view.Summary(sum); err != nil {
		return err
	}
	return sum.Err()
}

// play carries out the scenarios and shows their results.
func play(ctx context.Context, f *fleet, t texts, view View) (sum Summary, err error) {
	var warned twiml.Findings
	all := scenarios()
	for i, s := range all {
		run := &run{texts: t, fleet: f}
		s.play(ctx, run)
		r := run.result(s.name, &warned)
		switch {
		case ctx.Err() != nil:
			return sum, context.Cause(ctx)
		case i == 0 && !r.wasAnswered():
			sum.NotRun = len(all) - 1
		}
		sum.add(r, run.safe)
		if err := view.Scenario(r); err != nil || sum.NotRun > 0 {
			return sum, err
		}
	}
	return sum, nil
}

// reach returns an error if no connection to the app can be made. A message would wait for the app until its time-out.
func reach(ctx context.Context, app weburl.URL) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	dial := new(net.Dialer).DialContext
	if app.IsHTTPS() {
		dial = new(tls.Dialer).DialContext
	}
	c, err := dial(ctx, "tcp", net.JoinHostPort(hostname.Of(app.Host), app.Port()))
	if err != nil {
		return fmt.Errorf("the app at %s cannot be reached: start it, or check the URL: %w", app.Origin(), err)
	}
	return c.Close()
}

// Summary is the result of all scenarios together.
type Summary struct {
	OK              bool `json:"ok"`
	Scenarios       int  `json:"scenarios"` // that were run
	Failed          int  `json:"failed"`
	Warned          int  `json:"warned"`  // that have warnings, but did not fail
	NotRun          int  `json:"not_run"` // because the app did not answer the first message
	SafeToCallAgain Safe `json:"safe_to_call_again"`
}

// Err returns an error if something would go wrong in production.
func (s Summary) Err() error {
	if s.Failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d scenarios failed: the same would happen in production", s.Failed, s.Scenarios)
}

func (s *Summary) add(r Result, safe Safe) {
	s.Scenarios++
	switch {
	case !r.OK:
		s.Failed++
	case r.hasWarning():
		s.Warned++
	}
	if safe != "" {
		s.SafeToCallAgain = safe
	}
	s.OK = s.Failed == 0
}
