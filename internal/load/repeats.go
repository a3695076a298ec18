package load

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"smsession/internal/phone"
)

// answered contains the replies of the first answer to a message.
type answered struct {
	message, round int32
	replies        []phone.Reply
}

// compare compares an answer with the first answer to its message. The sender would see every difference, except for a
// repeat without a reply, which a webhook may have ignored on purpose. If the deliveries were made at the same time,
// the answer without a reply may be the first one to arrive.
func (c *conversation) compare(a answered, isRecount bool) {
	i := slices.IndexFunc(c.first, func(first answered) bool { return first.message == a.message })
	if i < 0 {
		c.first = append(c.first, a)
		if c.sample == nil {
			c.sample = &a
		}
		c.varied = c.varied || !phone.SameReplies(c.sample.replies, a.replies)
		return
	}
	c.repeats++
	first, isSilent := &c.first[i], func(a answered) bool { return phone.SameReplies(a.replies, nil) }
	switch {
	case isRecount || phone.SameReplies(first.replies, a.replies):
	case isSilent(a):
		c.silent++
	case isSilent(*first) && first.round == a.round:
		c.silent++
		first.replies = a.replies
	default:
		c.others.add("%s was answered %s, then %s", c.sids.of(a.message), quoted(first.replies), quoted(a.replies))
	}
}

// quoted returns the texts and the media of replies for a person, each as a string of the Go language.
func quoted(replies []phone.Reply) string {
	var all []string
	for _, r := range replies {
		for _, text := range append([]string{r.Body}, r.Media...) {
			if text != "" {
				all = append(all, fmt.Sprintf("%.60q", text))
			}
		}
	}
	return cmp.Or(strings.Join(all, " + "), "without a text")
}

// tally counts events of one kind, and describes the first one.
type tally struct {
	n       int
	example string
}

// add counts an event. The description has the texts of two replies, or of one.
func (t *tally) add(format string, args ...any) {
	if t.n++; t.n == 1 {
		t.example = fmt.Sprintf(format, args...)
	}
}

// message contains the facts about a message that the proof needs. It has 12 bytes.
type message struct {
	sent     int32 // the round of its first delivery
	count    int32 // of the first answer; 0 if there was none
	answered int32 // the round of that answer
}

// recount is a later answer to a message, if its count differs from that of the first answer.
type recount struct{ message, count int32 }
