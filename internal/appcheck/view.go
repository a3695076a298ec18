package appcheck

import (
	"fmt"
	"io"
	"strings"

	"smsession/internal/phone"
	"smsession/internal/terminal"
	"smsession/internal/texting"
)

// JSON is a View that writes one JSON object for each scenario, and one for the summary.
type JSON struct{ Out io.Writer }

// Scenario writes the result. It returns the error of Out.
func (v JSON) Scenario(r Result) error { return terminal.WriteJSON(v.Out, r) }

// Summary writes the summary. It returns the error of Out.
func (v JSON) Summary(s Summary) error {
	return terminal.WriteJSON(v.Out, struct {
		Summary Summary `json:"summary"`
	}{s})
}

// Text is a View for a person. Texts of the app are escaped for the terminal.
type Text struct {
	Out    io.Writer
	Colour bool // use ANSI colours
}

// Scenario writes the conversation: what was sent, what the app did, what the sender saw, and the findings. It returns
// the error of Out.
func (v Text) Scenario(r Result) error {
	outcome := "ok"
	switch {
	case !r.OK:
		outcome = "failed"
	case r.hasWarning():
		outcome = "ok, with warnings"
	}
	if _, err := fmt.Fprintf(v.Out, "%s: %s\n", r.Name, outcome); err != nil {
		return err
	}
	for _, m := range r.Messages {
		if err := v.message(m); err != nil {
			return err
		}
	}
	_, err := io.WriteString(v.Out, "\n")
	return err
}

func (v Text) message(m *Message) error {
	view := texting.View{Out: v.Out, From: m.from, To: m.to, Echo: true, Colour: v.Colour}
	if err := view.Typed(m.headline()); err != nil {
		return err
	}
	if err := view.Note(m.notes()...); err != nil {
		return err
	}
	shown := phone.Delivery{Findings: m.Findings}
	for _, r := range m.Replies {
		r.Body = shortened(r.Body, 200)
		shown.Replies = append(shown.Replies, r)
	}
	return view.Delivered(&shown)
}

// headline returns what was sent.
func (m *Message) headline() string {
	text := shortened(m.Body, 60)
	if m.Remark != "" {
		text = strings.TrimSpace(text + " (" + m.Remark + ")")
	}
	return text
}

// notes returns what the app did, one line for each call.
func (m *Message) notes() []string {
	var notes []string
	for i, c := range m.Calls {
		if i > 0 && m.Calls[i-1].Fault != "" {
			notes = append(notes, "called once more, for the fallback URL: "+c.line())
			continue
		}
		notes = append(notes, c.line())
	}
	switch {
	case len(notes) == 0:
		notes = []string{"the app was not called"}
	case m.Seen == Apology:
		notes = append(notes, "the sender sees the apology of the fallback URL")
	}
	return notes
}

// line returns what the app did.
func (c Call) line() string {
	parts := []string{"no answer"}
	if c.Status != 0 {
		parts[0] = strings.TrimSpace(fmt.Sprintf("%d %s", c.Status, c.ContentType))
	}
	parts[0] += fmt.Sprintf(" after %s", withUnit(c.Millis))
	if c.Documents > 1 {
		parts = append(parts, fmt.Sprintf("%d documents", c.Documents))
	}
	for _, cookie := range c.Cookies {
		verb := "keeps"
		if cookie.Changed {
			verb = "sets"
		}
		parts = append(parts, fmt.Sprintf("%s the cookie %s of %d bytes", verb, cookie.Name, cookie.Bytes))
	}
	if len(c.Data) > 0 {
		parts = append(parts, "data "+shortened(string(c.Data), 200))
	}
	if c.Fault != "" {
		parts = append(parts, "fault "+c.Fault)
	}
	text := strings.Join(parts, ", ")
	if answer := strings.Join(strings.Fields(c.Answer), " "); c.Fault != "" && answer != "" {
		text += ": " + shortened(answer, 200)
	}
	return text
}

// withUnit returns milliseconds with their unit. Times of 10 ms and more have no fraction.
func withUnit(ms float64) string {
	if ms >= 10 {
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f ms", ms)
}

// safeSentences explain the values of Safe. The map does not change.
var safeSentences = map[Safe]string{
	SafeYes: "yes",
	SafeNo: "no: it keeps state of its own, see \"app-check\" in cmd/smsession/README.md. " +
		"After a crash, it may be called once more for one message",
	SafeUnknown: "unknown: it did not answer every message of that scenario",
	SafeUntested: "unknown: it answered every message alike, so a change would not show. " +
		"--text sends words that it acts on",
}

// Summary writes the summary. It returns the error of Out.
func (v Text) Summary(s Summary) error {
	var b strings.Builder
	if s.SafeToCallAgain != "" {
		fmt.Fprintf(&b, "safe to call again: %s\n", safeSentences[s.SafeToCallAgain])
	}
	fmt.Fprintf(&b, "scenarios: %d ok, %d with warnings, %d failed", s.Scenarios-s.Warned-s.Failed, s.Warned, s.Failed)
	if s.NotRun > 0 {
		fmt.Fprintf(&b, ", %d not run, because the app did not answer the first message", s.NotRun)
	}
	_, err := io.WriteString(v.Out, b.String()+"\n")
	return err
}
