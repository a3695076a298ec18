package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// found returns the number of violations.
func (p *Proof) found() (n int) {
	for _, count := range p.Found {
		n += count
	}
	return n
}

// conclude decides whether the counts matter, and sets Holds and the sentences. It must be called after examine was
// called for all conversations. With ExpectAuto, the counts matter as soon as one reply has a count.
func (p *Proof) conclude() {
	isAsked := p.Expected.counts != nil && p.Expected.name != ExpectAuto
	p.Counting = p.Counting || isAsked || p.Counted > 0
	switch {
	case !p.Counting:
		p.Unanswered = 0
	case p.noCounts > 0:
		p.Holds = false
		p.Found[NoCount] = p.noCounts
		p.Violations = append(p.Violations, p.uncounted[:min(len(p.uncounted), listed-len(p.Violations))]...)
	}
	p.Holds = p.Holds && !p.Empty()
	p.Decision, p.Sentence = p.decision(), p.sentence()
}

// decision returns the reason why the counts were checked or not. If the webhook does not seem to count, it names the
// flag that leaves the counts out.
func (p *Proof) decision() string {
	name := p.Expected.name
	text := fmt.Sprintf("checked, because of --expect '%s'", name)
	switch {
	case p.Expected.counts == nil:
		return "not checked, because of --expect none"
	case !p.Counting:
		return "not checked, because " + p.trial()
	case name == ExpectAuto:
		text = "checked, because the replies are those of Twilio's tutorial"
	case name == ExpectCount:
		text = "checked, because of --expect count"
	}
	if p.Holds || p.advanced || p.Empty() {
		return text
	}
	return text + ". The webhook does not seem to count: no reply had a count above 1. --expect none checks only whether " +
		"repeats get the same reply"
}

// trial states what the two messages before the load were answered, and how other texts can be checked.
func (p *Proof) trial() string {
	if len(p.tried) < 2 {
		return "a message before the load failed"
	}
	return fmt.Sprintf("the two messages before the load were answered %s and %s; "+
		`if a reply contains the number of messages, --expect 'number (\d+)' finds and checks it`, p.tried[0], p.tried[1])
}

// nothing returns the reason why there is nothing to prove.
func (p *Proof) nothing() string {
	switch {
	case p.Counting:
		return "no message got a count"
	case p.Repeats == 0:
		return "no message was sent again and answered"
	}
	return "every message was answered " + quoted(p.sample.replies) + ", so a repeat that acts again would not show. " +
		"--param 'Body=…' sends words that your webhook acts on, and --expect none accepts this"
}

// failure returns what a failed proof means.
func (p *Proof) failure() string {
	if p.Found[AnotherReply] == p.found() {
		return "a resent message would act twice"
	}
	return "some messages were not counted exactly once"
}

// sentence returns the result of the proof.
func (p *Proof) sentence() string {
	switch {
	case p.Empty():
		return "there is nothing to prove: " + p.nothing()
	case !p.Holds:
		var kinds []string
		for _, k := range slices.Sorted(maps.Keys(p.Found)) {
			kinds = append(kinds, english().Sprintf("%s (%d)", k, p.Found[k]))
		}
		return "it fails: " + strings.Join(kinds, ", ")
	case p.Counting:
		text := "it holds: " + several(p.Counted, "message", "messages") + " answered, each counted exactly once"
		if p.Unanswered > 0 {
			text += english().Sprintf("; %d without an answer, which may have been counted or not", p.Unanswered)
		}
		return text
	case p.Repeats == 0:
		return "nothing was checked: " + p.nothing()
	}
	text := several(p.Repeats, "repeat", "repeats")
	if p.Silent > 0 {
		return english().Sprintf("it holds: no repeat got another reply, but %d of %s got none", p.Silent, text)
	}
	return "it holds: " + text + " got the same reply as the first time"
}
