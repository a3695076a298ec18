package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"syscall"

	"smsession/internal/dev"
	"smsession/internal/load"
	"smsession/internal/phone"
)

// loadCommand is many phones at once. The numbers are strings, because a fault must not repeat what it cannot read: see
// usageFault.
type loadCommand struct {
	webhookFlags
	To            string `name:"to" default:"+15005550006" placeholder:"NUMBER" help:"The number that is texted (default +15005550006, Twilio's test number)."`
	Conversations string `name:"conversations" default:"2000" placeholder:"N" help:"Conversations under way at a time (default 2000)."`
	InFlight      string `name:"in-flight" default:"64" placeholder:"N" help:"Deliveries under way at a time, no fewer than --burst (default 64)."`
	Duration      string `name:"duration" placeholder:"TIME" help:"How long to begin messages (default 30s; with --messages until they are sent)."`
	Messages      string `name:"messages" default:"0" placeholder:"N" help:"How many messages to send at most (default 0, no such limit)."`
	Rate          string `name:"rate" default:"0" placeholder:"N" help:"Messages a second, answered or not; latency then counts from when a message was due (default 0, as many as are answered)."`
	Burst         string `name:"burst" default:"5" placeholder:"N" help:"One turn in ten of a conversation is so many messages at once; 1 for none (default 5)."`
	FirstRace     string `name:"first-race" default:"0.1" placeholder:"SHARE" help:"Share of conversations, 0 to 1, that begin with such a burst (default 0.1)."`
	Resend        string `name:"resend" default:"0.1" placeholder:"SHARE" help:"Share of messages, 0 to 1, that are delivered again, half of them at once and half later (default 0.1)."`
	LoseCookies   string `name:"lose-cookies" default:"0.05" placeholder:"SHARE" help:"Share of deliveries, 0 to 1, that go without their cookies (default 0.05)."`
	Expect        string `name:"expect" default:"counter" placeholder:"WHAT" help:"What to prove: counter, that the tutorial's texts count every message once; or none (default counter)."`
	OwnHost       bool   `name:"i-own-this-host" help:"Load a host that is not this one."`
	JSON          bool   `name:"json" help:"Print the report as one JSON object."`
}

// Help is shown below the flags' summary.
func (c *loadCommand) Help() string {
	return `Without --url it loads a running smsession dev. The senders are numbers that nobody owns, new ones each time:

  smsession load --duration 10s
  smsession load --url http://localhost:8080/sms --public-url https://sms.example.com/sms --rate 500
  smsession load --messages 5000 --json | jq -e .proof.holds

The proof is made from the replies alone: in each conversation every message must have been counted once and in order, whatever
was sent at once, sent again or lost. A service that leaves out replies (MAX_REPLIES_PER_MINUTE) or ends sessions early cannot pass it.
Interrupted, it reports what was done until then.

The exit status is 1 if the proof fails, if Twilio would have logged an error, or if no webhook was found; 2 for a command line that
is wrong, a host that is not this one, or a webhook that leads to another server: a load follows no redirect and no TwiML there.`
}

// Run sends, and prints the report.
func (c *loadCommand) Run(p *process) error {
	options, err := c.parse()
	if err != nil {
		return err
	}
	w, err := c.webhook(p.ctx)
	if err != nil {
		return err
	}
	if !c.OwnHost {
		if err := load.Loopback(p.ctx, w.addresses()...); err != nil {
			return commandFault(err.Error())
		}
	}
	network := new(phone.Network)
	if !c.OwnHost {
		network.Permit = load.Permit
	}
	defer network.Close()
	options.Phone = c.phones(w, network)
	if _, err := options.Phone("-"); err != nil {
		return commandFault(err.Error())
	}
	show, end := load.ShowProgress(p.stderr, isTerminal(p.stderr))
	options.Progress = show
	report, err := load.Run(p.ctx, options)
	end()
	if errors.Is(err, load.ErrLedAway) {
		return commandFault(err.Error())
	}
	if err != nil {
		return err
	}
	return c.tell(p, report)
}

// phones makes phones of one account that share their connections.
func (c *loadCommand) phones(w webhook, network *phone.Network) func(from string) (load.Sender, error) {
	if w.accountSID == "" {
		w.accountSID = "AC" + dev.RandomHex()
	}
	return func(from string) (load.Sender, error) {
		return phone.New(phone.Options{
			From:       from,
			To:         c.To,
			AuthToken:  w.authToken,
			Webhook:    w.primary,
			Fallback:   w.fallback,
			AccountSID: w.accountSID,
			Network:    network,
		})
	}
}

// addresses are where the phones send to.
func (w webhook) addresses() []string {
	var urls []string
	for _, e := range []phone.Endpoint{w.primary, w.fallback} {
		switch {
		case e.Address != "":
			urls = append(urls, e.Address)
		case e.URL != "":
			urls = append(urls, e.URL)
		}
	}
	return urls
}

// tell prints the report and makes the exit status. Whoever stopped reading has seen enough.
func (c *loadCommand) tell(p *process, r *load.Report) error {
	if err := c.print(p.stdout, r); err != nil && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	switch {
	case !r.Proof.Holds && !r.Proof.Empty():
		return errors.New("the proof fails: messages were not counted once each")
	case r.Failed > 0:
		return fmt.Errorf("%d of %d deliveries had an error that Twilio would have logged", r.Failed, r.Deliveries)
	case r.Proof.Empty():
		return errors.New("nothing was proved: no message got a count")
	}
	return nil
}

func (c *loadCommand) print(w io.Writer, r *load.Report) error {
	if c.JSON {
		return json.NewEncoder(w).Encode(r)
	}
	return r.WriteText(w)
}
