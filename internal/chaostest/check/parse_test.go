package check

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"smsession/internal/chaostest/history"
	"smsession/internal/webhooktest"
)

// parse reads a history, one operation in each line. Times are in seconds, and ? is an outcome that is not known:
//
//	A 0-1 2         a delivery of the message A, which was answered with the number 2
//	A 0-1 2 other   the same, but with other bytes
//	A 0-1 empty     the same, but the reply is forgotten
//	A 0-?           a delivery without an answer
//	STOP S 0-1      a delivery of STOP
//	end 0-1 3       an end of a session with 3 messages; or "before" or "none" instead of 3
//	read 0-1 2 A=1 B=2 ttl=9   a record with the number 2; or "ended" or "none" instead of 2
func parse(t *testing.T, text string) history.History {
	t.Helper()
	h := history.History{From: "+15550000001"}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		h.Ops = append(h.Ops, parseOp(t, words))
	}
	return h
}

func parseOp(t *testing.T, words []string) (o history.Op) {
	t.Helper()
	switch words[0] {
	case "end", "read":
		o.Kind = history.Kind(words[0])
	case "STOP":
		words = words[1:]
		o.Kind, o.IsStop, o.SID = history.Deliver, true, words[0]
	default:
		o.Kind, o.SID = history.Deliver, words[0]
	}
	from, to, _ := strings.Cut(words[1], "-")
	o.Call, o.Return = seconds(t, from), history.Never
	if to == "?" {
		return o
	}
	o.Return = seconds(t, to)
	switch {
	case words[len(words)-1] == "empty":
		o.Return, o.Forgotten = history.Never, o.Return
	case o.IsStop:
		o.Body = "<Response/>"
	case o.Kind == history.Deliver:
		o.Reply = webhooktest.Greeting(integer(t, words[2]))
		o.Body = strings.Join(words[2:], " ")
	case o.Kind == history.End:
		o.Ended = parseEnding(t, words[2])
	case words[2] != "none":
		o.Record = parseRecord(t, words[2:])
	}
	return o
}

func parseEnding(t *testing.T, word string) history.Ending {
	switch word {
	case "none":
		return history.Ending{}
	case "before":
		return history.Ending{Found: true, Before: true}
	}
	return history.Ending{Found: true, Count: integer(t, word)}
}

func parseRecord(t *testing.T, words []string) *history.Record {
	r := &history.Record{HasEnded: words[0] == "ended", TTL: time.Minute} // right for both checks
	if !r.HasEnded {
		r.Counter = integer(t, words[0])
	}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		if name == "ttl" {
			r.TTL = seconds(t, value)
			r.LongestTTL = r.TTL
		} else {
			r.Messages = append(r.Messages, history.Message{SID: name, Number: integer(t, value)})
		}
	}
	return r
}

func seconds(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text + "s")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func integer(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatalf("%q is not a number", text)
	}
	return n
}

// tenSeconds are the options of a service whose sessions end after 10 s.
func tenSeconds() Options {
	return Options{Idle: 10 * time.Second, Slack: time.Second / 2, Replies: 2, Remembered: 3,
		Patience: 10 * time.Second}
}
