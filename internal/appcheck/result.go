package appcheck

import (
	"slices"

	"smsession/internal/phone"
	"smsession/internal/twiml"
)

// Result is the result of one scenario.
type Result struct {
	Name     string     `json:"scenario"`
	OK       bool       `json:"ok"` // nothing would go wrong in production; there may be warnings
	Messages []*Message `json:"messages"`
}

// result returns the result of a scenario that was played. It leaves out the warnings that an earlier message of the
// check has, and adds its own ones to warned.
func (r *run) result(name string, warned *twiml.Findings) Result {
	result := Result{Name: name, OK: true, Messages: r.messages}
	for _, m := range r.messages {
		result.OK = result.OK && !hasError(m.Findings)
		m.Findings = slices.DeleteFunc(m.Findings, func(f phone.Finding) bool {
			f.URL = "" // of this message
			isRepeat := f.Warning && slices.Contains(*warned, f)
			*warned = append(*warned, f)
			return isRepeat
		})
	}
	return result
}

func (r Result) hasWarning() bool {
	return slices.ContainsFunc(r.Messages, func(m *Message) bool { return len(m.Findings) > 0 })
}

// wasAnswered reports whether the app answered all messages without a fault.
func (r Result) wasAnswered() bool {
	return !slices.ContainsFunc(r.Messages, func(m *Message) bool { return !m.wasAnswered() })
}
