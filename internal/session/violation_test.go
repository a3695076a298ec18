package session

import (
	"fmt"
	"slices"
	"strings"

	"smsession/internal/conversation"
	"smsession/internal/session/record"
)

// violation describes which rule is broken after all actors have ended, or returns "". The rules are: every message is
// counted once, no update is lost, and a conversation has one session. The record lists the messages in the order in
// which they were counted. Every reply must match this list.
func (w *world) violation() string {
	if violation := w.orphans(); violation != "" {
		return violation
	}
	token := w.model.keys["sms:conversation:+15005550006:+12025550143"]
	r, err := record.Parse([]byte(w.model.keys["sms:session:"+token]))
	if err != nil {
		for _, a := range w.actors {
			if a.mustBeAnswered() {
				return fmt.Sprintf("%s was answered %q, and the pointer %q leads to no record", a.sid, a.text, token)
			}
		}
		return ""
	}
	if sessions := w.model.count("sms:session:"); sessions != 1 && !w.mayLeaveOrphans() {
		return fmt.Sprintf("there are %d sessions", sessions)
	}
	counters, beginnings, violation := chain(r)
	if violation == "" {
		violation = w.wrongEnds(beginnings)
	}
	if violation == "" {
		violation = w.wrongReplies(counters)
	}
	return violation
}

// chain reads the record's list of messages. It returns the number that each message got, and how many conversations
// began because an operator had ended the one before. A long conversation has more messages than its list.
func chain(r *record.Record) (counters map[string]int64, beginnings int, violation string) {
	counters, previous := map[string]int64{}, int64(0)
	isLong := strings.Count(string(r.Bytes()), "=") == 64
	for sid, counter := range r.Messages() {
		if isLong && len(counters) == 0 {
			previous = counter - 1
		}
		if _, twice := counters[sid]; twice {
			return nil, 0, sid + " was counted twice"
		}
		switch {
		case counter == 0 || counter == previous+1:
		case counter == 1:
			beginnings++
		default:
			return nil, 0, fmt.Sprintf("%s changed the counter from %d to %d", sid, previous, counter)
		}
		counters[sid], previous = counter, counter
	}
	switch {
	case r.Counter == previous:
	case r.Counter == 0 && !r.Ended.IsZero():
		beginnings++
	default:
		return nil, 0, fmt.Sprintf("the counter is %d, the last message set it to %d", r.Counter, previous)
	}
	return counters, beginnings, ""
}

// wrongReplies compares the replies with the record.
func (w *world) wrongReplies(counters map[string]int64) string {
	for _, a := range w.actors {
		if !a.mustBeAnswered() {
			continue
		}
		counter, counted := counters[a.sid]
		want := strings.Join(conversation.Counter{}.Recall(counter).Texts, "")
		if !a.isAnswered || !counted || a.text != want {
			return fmt.Sprintf("%s was answered (%t) with %q, it was counted (%t) as %d", a.sid, a.isAnswered, a.text,
				counted, counter)
		}
	}
	return ""
}

// wrongEnds compares how often a new conversation began with the results of the operators. An operator that died or got
// an error may have ended the conversation or not. A STOP hides an end before it.
func (w *world) wrongEnds(beginnings int) string {
	ended, unknown, stopped := 0, 0, false
	for _, a := range w.actors {
		switch {
		case a.operator == nil:
			stopped = stopped || strings.HasPrefix(a.sid, "SMstop")
		case a.dead || a.operator.err != nil:
			unknown++
		case a.operator.found && a.operator.before.Ended.IsZero():
			ended++
		}
	}
	if beginnings > ended+unknown || beginnings < ended && !stopped {
		return fmt.Sprintf("the conversation ended %d times; operators ended it %d times, and perhaps %d times more",
			beginnings, ended, unknown)
	}
	return ""
}

// mustBeAnswered reports whether the actor is a delivery that must have a correct reply. A delivery that dies, or that
// gives up after its only attempt, does not need a reply.
func (a *actor) mustBeAnswered() bool {
	return a.sid != "" && !a.dead && (!a.impatient || a.isAnswered)
}

// orphans returns a message that made more records than there were requests with the message.
func (w *world) orphans() string {
	made := map[string]int{}
	for key, value := range w.model.keys {
		if !strings.HasPrefix(key, "sms:session:") {
			continue
		}
		r, err := record.Parse([]byte(value))
		if err != nil {
			return key + " is not a record"
		}
		for sid := range r.Messages() {
			made[sid]++
			break
		}
	}
	for _, a := range w.actors {
		if a.sid != "" {
			made[a.sid]--
		}
	}
	for sid, n := range made {
		if n > 0 && strings.HasPrefix(sid, "SM") && !strings.HasPrefix(sid, "SMold") {
			return fmt.Sprintf("%s made %d records more than there were requests", sid, n)
		}
	}
	return ""
}

// mayLeaveOrphans reports whether a record without a pointer may be left: a replica died or gave up, a command arrived
// after its caller had stopped waiting, or a fault affected the sweep, which is tried twice.
func (w *world) mayLeaveOrphans() bool {
	return w.happened > 1 || slices.ContainsFunc(w.actors, func(a *actor) bool {
		return a.dead || a.impatient && !a.isAnswered || a.sid == "" && a.operator == nil && !a.isHaunting
	})
}
