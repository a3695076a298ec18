package texting

import (
	"context"
	"fmt"
	"strings"
	"time"

	"smsession/internal/phone"
)

// say is the step of an ordinary text.
func say(text string) step {
	return func(ctx context.Context, p *Person) error { return p.send(ctx, phone.Message{Body: text}) }
}

// again sends what was sent last and not forged: a message that Twilio never sent is not one to send again.
func again(ctx context.Context, p *Person) error {
	if p.last == nil {
		p.tally.Misread++
		return p.View.Note("there is no message yet that could be sent again")
	}
	return p.send(ctx, *p.last)
}

// sendBurst is the step of n messages at once. Without a text they are numbered.
func sendBurst(n int, text string) step {
	return func(ctx context.Context, p *Person) error {
		messages := make([]phone.Message, n)
		for i := range messages {
			messages[i].Body = text
			if text == "" {
				messages[i].Body = fmt.Sprintf("%d of %d", i+1, n)
			}
		}
		return p.send(ctx, messages...)
	}
}

func lose(_ context.Context, p *Person) error {
	p.Phone.LoseCookies()
	return p.View.Note("the cookies are lost: the next message goes without")
}

// skip lets time pass here and, where it can be reached, on the other side.
func skip(d time.Duration) step {
	return func(ctx context.Context, p *Person) error {
		if p.Elapse == nil {
			p.Phone.Skip(d)
			return p.View.Note(short(d) + " have passed for the phone and its cookies; the other side's clock is not touched")
		}
		if err := p.Elapse(ctx, d); err != nil {
			p.tally.Stuck++
			return p.View.Note(fmt.Sprintf("no time has passed: %v", err))
		}
		p.Phone.Skip(d)
		return p.View.Note(short(d) + " have passed, for the phone and for its conversation on the other side")
	}
}

func showCookies(_ context.Context, p *Person) error {
	cookies := p.Phone.Cookies()
	if len(cookies) == 0 {
		return p.View.Note("the next message carries no cookie")
	}
	lines := []string{"the next message carries"}
	for _, c := range cookies {
		left := c.Expires.Sub(p.Phone.Now()).Round(time.Second)
		lines = append(lines, fmt.Sprintf("%s=%s for %s", c.Name, c.Value, short(left)))
	}
	return p.View.Note(lines...)
}

func toggleVerbose(_ context.Context, p *Person) error { return p.View.Note(p.View.ToggleVerbose()) }

func help(_ context.Context, p *Person) error {
	return p.View.Note(append([]string{"A line is a text to send, unless it begins with a slash:"}, Usage()...)...)
}

// Usage returns a line for each command.
func Usage() []string {
	var lines []string
	for _, c := range commands() {
		lines = append(lines, fmt.Sprintf("%-22s %s", c.name+" "+c.takes, c.does))
	}
	return append(lines, fmt.Sprintf("%-22s %s", "//text", "send a text that begins with a slash"))
}

func quit(context.Context, *Person) error { return errQuit }

// short is a time without the noughts at its end: 4h instead of 4h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
