package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/peterh/liner"
	"golang.org/x/term"

	"smsession/internal/config/redisurl"
	"smsession/internal/cookies"
	"smsession/internal/dev"
	"smsession/internal/inspect"
	"smsession/internal/phone"
	"smsession/internal/redispool"
	"smsession/internal/session"
	"smsession/internal/texting"
)

// phoneCommand is a phone in the terminal.
type phoneCommand struct {
	webhookFlags
	From                string   `name:"from" default:"+12025550143" placeholder:"NUMBER" help:"Who texts; whatsapp:+1… for WhatsApp, and --to is then one, too (default +12025550143, which is fictitious)."`
	To                  string   `name:"to" default:"+15005550006" placeholder:"NUMBER" help:"The number that is texted (default +15005550006, Twilio's test number)."`
	MessagingServiceSID string   `name:"messaging-service-sid" placeholder:"SID" help:"Messaging Service of the number (default: none)."`
	CookiesSinceSet     bool     `name:"cookies-since-set" help:"Cookies live four hours from when they were set, not from the last message."`
	StrictCookies       bool     `name:"strict-cookies" help:"Path, Domain and Secure count as in a browser."`
	SingleCookie        bool     `name:"single-cookie" help:"Only the last cookie is kept."`
	LoseCookies         string   `name:"lose-cookies" placeholder:"SHARE" help:"Share of messages, 0 to 1, that go without their cookies (default 0)."`
	FollowHosts         []string `name:"follow-hosts" placeholder:"HOST" help:"Other hosts to which the webhook's redirects and TwiML may lead, HOST or HOST:PORT (default: ask in a terminal, else follow to no other host)."`
	Verbose             bool     `name:"verbose" short:"v" help:"Show a line for each request and response; with --json, their headers and bodies."`
	JSON                bool     `name:"json" help:"Print one JSON object a message, and nothing else, on standard output."`

	Texts []string `arg:"" optional:"" name:"text" help:"Texts to send, or commands, one after the other (default: lines of standard input)."`
}

// Help is shown below the flags' summary.
func (c *phoneCommand) Help() string {
	return `Without --url it texts a running smsession dev. A text is sent as it is, unless it begins with a slash:

` + indent(texting.Usage()) + `

Texts and commands are asked for in a terminal, read as lines from a pipe, or taken as arguments:

  smsession phone hi "hi again" /again "/burst 3"
  smsession phone --json /skip hi | jq -e '.ok and .replies[0].body == "Hello, thanks for the new message."'
  smsession phone --json "/forge hi" | jq -e '.exchanges[0].status == 403'

Twilio follows redirects and TwiML to any host. The phone goes to another scheme, host or port than those of --url and --fallback-url
only if you say so, because such a request has the cookies and a signature made with your token.

The exit status is 1 if Twilio would have logged an error for a message, and a forged one that is refused has one (11217); also if
the phone did not follow the webhook to another server, or no webhook was found. It is 2 for a line or a command line that is wrong, else 0, and in a terminal always 0.`
}

func indent(lines []string) string { return "  " + strings.Join(lines, "\n  ") }

// Run sends what the arguments, the lines of a pipe or a person at the terminal say.
func (c *phoneCommand) Run(p *process) error {
	for i, text := range c.Texts {
		if strings.TrimSpace(text) == "" {
			return commandFault(fmt.Sprintf("text %d is empty", i+1))
		}
		if err := texting.Check(text); err != nil {
			return commandFault(fmt.Sprintf("text %d cannot be sent: %v", i+1, err))
		}
	}
	c.From, c.To = phone.Pair(c.From, c.To)
	w, err := c.webhook(p.ctx)
	if err != nil {
		return err
	}
	in := c.input(p)
	defer in.close()
	follower, err := newFollower(c.FollowHosts, c.asker(p, in))
	if err != nil {
		return err
	}
	device, err := c.phone(w, follower)
	if err != nil {
		return err
	}
	options := texting.Options{Phone: device}
	if w.dev != nil {
		options.Elapse = elapse(w.dev, c.To, c.From)
	}
	options.View = c.view(p, in.live)
	person := texting.New(options)
	if in.live {
		_ = options.View.Note(fmt.Sprintf("texting %s as %s; /help shows what a real phone cannot do, Ctrl-D ends", c.To, c.From))
	}
	return verdict(person.Run(p.ctx, in.next), person.Tally(), in.live)
}

// phone makes the phone. What it says against its options is about the command line.
func (c *phoneCommand) phone(w webhook, f *follower) (*phone.Phone, error) {
	lose := 0.0
	if c.LoseCookies != "" {
		var err error
		if lose, err = strconv.ParseFloat(c.LoseCookies, 64); err != nil || !(lose >= 0 && lose <= 1) {
			return nil, commandFault("--lose-cookies is not a share from 0 to 1")
		}
	}
	device, err := phone.New(phone.Options{
		From:                c.From,
		To:                  c.To,
		AuthToken:           w.authToken,
		Webhook:             w.primary,
		Fallback:            w.fallback,
		AccountSID:          w.accountSID,
		MessagingServiceSID: c.MessagingServiceSID,
		Jar: cookies.Options{
			SinceSet: c.CookiesSinceSet,
			Strict:   c.StrictCookies,
			Single:   c.SingleCookie,
			Lose:     lose,
		},
		Follow: f.follow,
		Trace:  c.JSON && c.Verbose,
	})
	if err != nil {
		return nil, commandFault(err.Error())
	}
	return device, nil
}

// view shows what happens. Lines that nobody has seen being typed are shown, too.
func (c *phoneCommand) view(p *process, live bool) texting.View {
	if c.JSON {
		return &texting.Objects{Out: p.stdout, Notes: p.stderr}
	}
	return &texting.Screen{
		Out:     p.stdout,
		From:    c.From,
		To:      c.To,
		Echo:    !live,
		Verbose: c.Verbose,
		Colour:  isTerminal(p.stdout) && os.Getenv("NO_COLOR") == "", // see https://no-color.org
	}
}

// isTerminal reports whether somebody sits at the other end of a file and their terminal can do more than print.
func isTerminal(file any) bool {
	f, ok := file.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && liner.TerminalSupported()
}

// elapse lets time pass in the Redis of a `smsession dev`, for one conversation.
func elapse(d *dev.Service, to, from string) func(context.Context, time.Duration) error {
	return func(ctx context.Context, passed time.Duration) error {
		pool := redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{strings.TrimPrefix(d.Redis, "redis://")}}})
		defer pool.Close()
		return inspect.Age(ctx, pool.Pool, session.Keys{Prefix: d.Prefix}, to, from, passed)
	}
}

// verdict makes the exit status. A person at a terminal has seen what went wrong. Whoever stopped reading has seen enough.
func verdict(err error, t texting.Tally, live bool) error {
	switch {
	case errors.Is(err, syscall.EPIPE):
		return nil
	case errors.Is(err, context.Canceled) && live:
		return nil
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case err != nil || live:
		return err
	case t.Misread > 0:
		return commandFault(fmt.Sprintf("%d of the lines could not be understood, and nothing was sent for them", t.Misread))
	case t.Failed > 0:
		return fmt.Errorf("for %d of %d messages Twilio would have logged an error", t.Failed, t.Sent)
	case t.NotFollowed > 0:
		return fmt.Errorf("for %d of %d messages the webhook leads to another server, and nothing was sent there: name its host with --follow-hosts", t.NotFollowed, t.Sent)
	case t.Stuck > 0:
		return fmt.Errorf("%d of the commands could not be carried out", t.Stuck)
	}
	return nil
}
