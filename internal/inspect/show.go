package inspect

import (
	"fmt"
	"io"
	"strings"
	"time"

	"smsession/internal/session/record"
	"smsession/internal/terminal"
)

// WriteText writes everything that Redis holds of the conversation, one thing a line.
func (s Snapshot) WriteText(w io.Writer, names Names) error {
	now := time.Now()
	state, r := s.parse(now)
	lines := [][2]string{{"state", string(state)}}
	if r != nil {
		lines = append(lines, recordLines(r, now)...)
	}
	found := s.Record != nil || state == tooLarge
	if found {
		lines = append(lines, [2]string{"record", fmt.Sprintf("%s, %d bytes, token begins %s", expiry(s.RecordTTL), s.RecordSize, s.Pointer[:6])})
	}
	leads := "leads to the record"
	if !found || state == otherConversation {
		leads = "leads to no record of this conversation"
	}
	lines = append(lines, [2]string{"pointer", expiry(s.PointerTTL) + ", " + leads})
	var b strings.Builder
	fmt.Fprintln(&b, names.pair(s.From, s.To))
	for _, line := range lines {
		fmt.Fprintf(&b, "  %-9s %s\n", line[0], terminal.Escape(line[1]))
	}
	_, err := io.WriteString(w, b.String())
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

// WriteJSON writes the record as it is in Redis, on one line and safe for a terminal. It writes nothing if there is no
// record, or if the record belongs to another conversation, for which nobody asked.
func (s Snapshot) WriteJSON(w io.Writer) error {
	if state, _ := s.parse(time.Now()); s.Record == nil || state == otherConversation {
		return nil
	}
	_, err := w.Write(append(terminal.EscapeJSON(s.Record), '\n'))
	return err
}
