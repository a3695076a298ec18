package inspect

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"smsession/internal/session"
)

// state is what the next message would find.
func (l Look) state(now time.Time) state {
	r, err := session.Parse(l.Record)
	switch {
	case !session.IsToken(l.Pointer):
		return adrift
	case l.RecordSize > session.MaxValue:
		return tooLarge
	case l.Record == nil:
		return recordless
	case errors.Is(err, session.ErrNewer):
		return newer
	case err != nil:
		return unreadable
	case !r.Belongs(l.To, l.From):
		return anothers
	case !r.Ended.IsZero():
		return ended
	case !now.Before(r.Deadline):
		return overdue
	}
	return live
}

// state is a sentence about a conversation.
type state string

const (
	live       state = "it goes on"
	ended      state = "it has ended; the next message begins anew"
	overdue    state = "it is past its deadline; the next message begins anew"
	adrift     state = "its pointer holds no token; the next message begins anew, unless it brings the cookie of a record"
	recordless state = "its pointer leads to no record; the next message begins anew"
	unreadable state = "its record cannot be read; the next message puts it into quarantine and begins anew"
	tooLarge   state = "its record is too large; the next message moves it to quarantine and begins anew"
	anothers   state = "its pointer leads to another conversation's record; the next message begins anew"
	newer      state = "its record is of a later version of smsession; this one leaves it alone"
)

// lastShown is how many messages are laid out; the record remembers 64.
const lastShown = 8

// Lay writes everything about the conversation, a line each.
func (l Look) Lay(w io.Writer, names Names) error {
	now := time.Now()
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s\n", Safe(names.Show(l.From)), Safe(names.Show(l.To)))
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "  %-9s %s\n", what, fmt.Sprintf(format, args...))
	}
	state := l.state(now)
	line("state", "%s", state)
	if r, err := session.Parse(l.Record); err == nil && state != anothers {
		l.lay(line, r, now)
	}
	there := l.Record != nil || state == tooLarge
	if there {
		line("record", "%s, %d bytes, token begins %s", expires(l.RecordLeft), l.RecordSize, Safe(l.Pointer[:6]))
	}
	agrees := "leads to the record"
	if !there || state == anothers {
		agrees = "leads to no record of this conversation"
	}
	line("pointer", "%s, %s", expires(l.PointerLeft), agrees)
	_, err := io.WriteString(w, b.String())
	return err
}

// lay writes what the record says.
func (l Look) lay(line func(what, format string, args ...any), r *session.Record, now time.Time) {
	line("began", "%s", ago(r.Began, now))
	line("counter", "%d", r.Counter)
	line("written", "%s", ago(r.Written, now))
	if !r.Ended.IsZero() {
		line("ended", "%s", ago(r.Ended, now))
	}
	line("deadline", "%s, in %s, however busy it is", stamp(r.Deadline), Brief(r.Deadline.Sub(now)))
	var last []string
	for sid, counter := range r.Messages() {
		last = append(last, fmt.Sprintf("%s=%d", Safe(sid), counter))
	}
	for i, message := range last[max(len(last)-lastShown, 0):] {
		what := ""
		if i == 0 {
			what = "messages"
		}
		line(what, "%s", message)
	}
}

func ago(t, now time.Time) string { return fmt.Sprintf("%s, %s ago", stamp(t), Brief(now.Sub(t))) }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func expires(left time.Duration) string {
	if left == Forever {
		return "does not expire"
	}
	return "expires in " + Brief(left)
}
