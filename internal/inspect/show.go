package inspect

import (
	"fmt"
	"strings"
	"time"

	"smsession/internal/duration"
	"smsession/internal/session/record"
	"smsession/internal/terminal"
)

// Show prints what Redis contains about conversations, as several lines of text for each. With JSON, it prints only the
// records: each one unchanged, on one line that is safe for a terminal. It leaves out a record that belongs to another
// conversation, because the operator did not name that one. Show returns the error of Out.
func (p *Printer) Show(found []Snapshot) error {
	var out []byte
	for i, s := range found {
		state, r := s.parse(time.Now())
		switch {
		case !p.JSON && i > 0:
			out = append(out, "\n"+p.snapshot(s, state, r)...)
		case !p.JSON:
			out = append(out, p.snapshot(s, state, r)...)
		case s.Record.Text != nil && state != otherConversation:
			out = append(append(out, terminal.EscapeJSON(s.Record.Text)...), '\n')
		}
	}
	_, err := p.Out.Write(out)
	return err
}

// snapshot returns the lines about a conversation. They contain only the beginning of the token, because anyone who has
// the whole token could take over the session.
func (p *Printer) snapshot(s Snapshot, state state, r *record.Record) string {
	var b strings.Builder
	line := func(label string, text ...string) {
		fmt.Fprintf(&b, "  %-9s %s\n", label, terminal.Escape(strings.Join(text, ", ")))
	}
	fmt.Fprintf(&b, "%s to %s\n", p.address(s.From), p.address(s.To))
	line("state", string(state))
	if r != nil {
		now := time.Now()
		line("began", ago(r.Began, now))
		line("counter", fmt.Sprint(r.Counter))
		line("written", ago(r.Written, now))
		if !r.Ended.IsZero() {
			line("ended", ago(r.Ended, now))
		}
		line("deadline", utc(r.Deadline), "in "+duration.Brief(r.Deadline.Sub(now)), "messages do not extend it")
		label := "messages"
		for _, message := range lastMessages(r) {
			line(label, message)
			label = ""
		}
	}
	target := "leads to no record of this conversation"
	if s.Record.Text != nil || state == tooLarge {
		line("record", expiry(s.Record), fmt.Sprintf("%d bytes, token begins %.6s", s.Record.Size, s.Pointer.Text))
		if state != otherConversation {
			target = "leads to the record"
		}
	}
	line("pointer", expiry(s.Pointer), target)
	return b.String()
}

// lastMessages returns the last 8 messages of the 64 that a record remembers.
func lastMessages(r *record.Record) []string {
	var messages []string
	for sid, counter := range r.Messages() {
		messages = append(messages, fmt.Sprintf("%s=%d", sid, counter))
	}
	return messages[max(len(messages)-8, 0):]
}

func ago(t, now time.Time) string { return utc(t) + ", " + duration.Brief(now.Sub(t)) + " ago" }

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func expiry(v Value) string {
	if v.TTL == Forever {
		return "does not expire"
	}
	return "expires in " + duration.Brief(v.TTL)
}
