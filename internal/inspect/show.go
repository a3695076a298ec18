package inspect

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"smsession/internal/conversation"
	"smsession/internal/duration"
	"smsession/internal/session/record"
	"smsession/internal/terminal"
)

// Show prints what Redis contains about conversations, as several lines of text for each. With JSON, it prints only the
// records: each one unchanged, on one line that is safe for a terminal. It leaves out a record that belongs to another
// conversation, because the operator did not name that one. Unless RevealApp is set, it also leaves out what the app
// has stored and replied, and a value that cannot be read, which may contain the same. Show returns the error of Out.
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
			if text := p.visible(s.Record.Text); text != nil {
				out = append(append(out, terminal.EscapeJSON(text)...), '\n')
			}
		}
	}
	_, err := p.Out.Write(out)
	return err
}

// visible returns the part of a record that may be printed, or nil if that is not known.
func (p *Printer) visible(text []byte) []byte {
	if p.RevealApp {
		return text
	}
	concealed, _ := record.Conceal(text)
	return concealed
}

// snapshot returns the lines about a conversation. They contain only the beginning of the token, because anyone who has
// the whole token could take over the session.
func (p *Printer) snapshot(s Snapshot, state state, r *record.Record) string {
	var b strings.Builder
	line := func(label string, text ...string) {
		fmt.Fprintf(&b, "  %-9s %s\n", label, terminal.Escape(strings.Join(text, ", ")))
	}
	block := func(label string, lines []string) {
		for _, text := range lines {
			line(label, text)
			label = ""
		}
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
		block("messages", lastMessages(r))
		block("app", p.appState(r))
		block("replies", p.replies(r))
	}
	target := "leads to no record of this conversation"
	if s.Record.Text != nil || state == tooLarge {
		token := fmt.Sprintf("token begins %.*s", MinToken, s.Pointer.Text)
		line("record", expiry(s.Record), fmt.Sprintf("%d bytes", s.Record.Size), token)
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

// appState returns lines about what the app has stored.
func (p *Printer) appState(r *record.Record) []string {
	data := jsontext.Value(r.Data).Clone()
	switch {
	case len(data) == 0:
		return nil
	case !p.RevealApp:
		return []string{fmt.Sprintf("%d bytes, which --reveal shows", len(data))}
	}
	// The data is JSON, so it can be indented.
	_ = data.Indent(jsontext.WithIndent("  "), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	return strings.Split(string(data), "\n")
}

// replies returns lines about the replies that are stored: the SID of each message, and below it the texts or the
// document.
func (p *Printer) replies(r *record.Record) (lines []string) {
	stored := 0
	for sid := range r.Messages() {
		reply, _ := r.Reply(sid, func(int64) conversation.Reply { return conversation.Reply{} })
		if reply.IsEmpty() {
			continue
		}
		stored++
		lines = append(lines, sid)
		for _, text := range append(reply.Texts, reply.TwiML) {
			for each := range strings.Lines(text) {
				lines = append(lines, "  "+strings.TrimSuffix(each, "\n"))
			}
		}
	}
	if stored > 0 && !p.RevealApp {
		return []string{fmt.Sprintf("%d, which --reveal shows", stored)}
	}
	return lines
}

func ago(t, now time.Time) string { return utc(t) + ", " + duration.Brief(now.Sub(t)) + " ago" }

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func expiry(v Value) string {
	if v.TTL == Forever {
		return "does not expire"
	}
	return "expires in " + duration.Brief(v.TTL)
}
