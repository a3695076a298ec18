package inspect

import (
	"fmt"
	"io"
	"strings"
	"time"

	"smsession/internal/session/record"
	"smsession/internal/terminal"
)

// Snapshot prints what Redis contains about a conversation, as several lines of text. With JSON, it prints the unchanged
// record on one line that is safe for a terminal. It then prints nothing if there is no record, or if the record belongs
// to another conversation, which the operator did not name.
func (p *Printer) Snapshot(s Snapshot) error {
	now := time.Now()
	state, r := s.parse(now)
	if p.JSON {
		if s.Record == nil || state == otherConversation {
			return nil
		}
		_, err := p.Out.Write(append(terminal.EscapeJSON(s.Record), '\n'))
		return err
	}
	lines := [][2]string{{"state", string(state)}}
	if r != nil {
		lines = append(lines, recordLines(r, now)...)
	}
	found := s.Record != nil || state == tooLarge
	if found {
		text := fmt.Sprintf("%s, %d bytes, token begins %s", expiry(s.RecordTTL), s.RecordSize, s.Pointer[:6])
		lines = append(lines, [2]string{"record", text})
	}
	leads := "leads to the record"
	if !found || state == otherConversation {
		leads = "leads to no record of this conversation"
	}
	lines = append(lines, [2]string{"pointer", expiry(s.PointerTTL) + ", " + leads})
	var b strings.Builder
	if p.begun {
		b.WriteByte('\n')
	}
	p.begun = true
	fmt.Fprintln(&b, p.pair(s.From, s.To))
	for _, line := range lines {
		fmt.Fprintf(&b, "  %-9s %s\n", line[0], terminal.Escape(line[1]))
	}
	_, err := io.WriteString(p.Out, b.String())
	return err
}

// recordLines returns what the record contains.
func recordLines(r *record.Record, now time.Time) [][2]string {
	const shown = 8 // messages; the record remembers 64
	lines := [][2]string{
		{"began", ago(r.Began, now)},
		{"counter", fmt.Sprint(r.Counter)},
		{"written", ago(r.Written, now)},
	}
	if !r.Ended.IsZero() {
		lines = append(lines, [2]string{"ended", ago(r.Ended, now)})
	}
	left := terminal.Brief(r.Deadline.Sub(now))
	lines = append(lines, [2]string{"deadline", utc(r.Deadline) + ", in " + left + ", which no message extends"})
	var messages []string
	for sid, counter := range r.Messages() {
		messages = append(messages, fmt.Sprintf("%s=%d", sid, counter))
	}
	label := "messages"
	for _, message := range messages[max(len(messages)-shown, 0):] {
		lines = append(lines, [2]string{label, message})
		label = ""
	}
	return lines
}

func ago(t, now time.Time) string { return utc(t) + ", " + terminal.Brief(now.Sub(t)) + " ago" }

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func expiry(ttl time.Duration) string {
	if ttl == Forever {
		return "does not expire"
	}
	return "expires in " + terminal.Brief(ttl)
}
