package texting

import (
	"fmt"
	"io"
	"strings"
	"time"

	"smsession/internal/gsm"
	"smsession/internal/phone"
	"smsession/internal/terminal"
)

// View shows a person what they send and get, as on a phone, and what Twilio would log. Its methods
// return the errors of its writers.
type View struct {
	Out      io.Writer
	JSON     io.Writer // gets a line of JSON for each message, in place of Out; nil for none
	From, To string    // the numbers of the conversation: a reply with other numbers is marked
	Echo     bool      // show the lines, because they were not typed on this terminal
	Verbose  bool      // show every request and response on Out
	Colour   bool
}

// mark is the beginning of a line.
type mark string

const (
	sent     mark = "> "
	received mark = "< "
	failure  mark = "! " // Twilio would log it
	warning  mark = "? "
	note     mark = "* "
	request  mark = "--> "
	response mark = "<-- "
)

// format returns a text after its mark. Further lines of the text are indented.
func (v *View) format(m mark, text string) string {
	const red, yellow, faint = "31", "33", "2" // ANSI codes
	colours := map[mark]string{failure: red, warning: yellow, note: faint, request: faint, response: faint}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = terminal.EscapeMessage(strings.TrimSuffix(line, "\r"))
	}
	text = string(m) + strings.Join(lines, "\n"+strings.Repeat(" ", len(m)))
	if code := colours[m]; v.Colour && code != "" {
		text = "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	return text + "\n"
}

// Typed shows a line that will be carried out, if Echo is set.
func (v *View) Typed(line string) error {
	if !v.Echo {
		return nil
	}
	_, err := io.WriteString(v.Out, v.format(sent, line))
	return err
}

// Note shows a note of ours.
func (v *View) Note(lines ...string) error {
	_, err := io.WriteString(v.Out, v.format(note, strings.Join(lines, "\n")))
	return err
}

// toggleVerbose changes whether requests and responses are shown, and notes it.
func (v *View) toggleVerbose() error {
	if v.JSON != nil {
		return v.Note("with --json, use --verbose on the command line to get headers and bodies")
	}
	v.Verbose = !v.Verbose
	if v.Verbose {
		return v.Note("requests and responses are shown from now on")
	}
	return v.Note("requests and responses are no longer shown")
}

// Delivered shows the result of a delivery: the replies that the sender gets, and the findings.
func (v *View) Delivered(d *phone.Delivery) error {
	if v.JSON != nil {
		return terminal.WriteJSON(v.JSON, struct {
			OK bool `json:"ok"` // Twilio would have logged no error
			*phone.Delivery
		}{d.OK(), d})
	}
	var b strings.Builder
	for i, e := range d.Exchanges {
		if v.Verbose {
			b.WriteString(v.format(request, requestText(d, i, e)) + v.format(response, responseText(d, i, e)))
		}
	}
	for _, r := range d.Replies {
		b.WriteString(v.format(received, v.replyText(r)))
	}
	if len(d.Replies) == 0 {
		b.WriteString(v.format(note, "no reply"))
	}
	for _, f := range d.Findings {
		m := failure
		if f.Warning {
			m = warning
		}
		b.WriteString(v.format(m, findingText(d, f)))
	}
	_, err := io.WriteString(v.Out, b.String())
	return err
}

// replyText returns the text of a reply, and a line for each of its media.
func (v *View) replyText(r phone.Reply) string {
	lines := r.Media
	if r.Body != "" {
		lines = append([]string{r.Body}, lines...)
	}
	text := strings.Join(lines, "\n")
	switch {
	case r.To != v.From:
		return "to " + r.To + ": " + text
	case r.From != v.To:
		return "from " + r.From + ": " + text
	}
	return text
}

// findingText returns the text of a finding. It begins with Twilio's error number, if there is one. It ends with the
// URL if there were several requests.
func findingText(d *phone.Delivery, f phone.Finding) string {
	text := f.Detail
	if f.Name != "" {
		text = f.Name + ": " + text
	}
	if f.Code != 0 {
		text = fmt.Sprintf("%d %s", f.Code, text)
	}
	if len(d.Exchanges) > 1 && f.URL != "" {
		text += " (" + f.URL + ")"
	}
	return text
}

const clock = "15:04:05.000"

// requestText describes request number i. The first one includes the MessageSid and the segments of the message.
func requestText(d *phone.Delivery, i int, e phone.Exchange) string {
	text := e.Sent.Local().Format(clock) + " " + e.Method + " " + e.URL
	if e.Address != "" && e.Address != e.URL {
		text += " at " + e.Address
	}
	if e.Reason != phone.Primary {
		text += ", " + string(e.Reason)
	}
	if i == 0 {
		text += ", " + d.Message.SID + ", " + segments(gsm.Split(d.Message.Body))
	}
	return text
}

// responseText describes response number i. The last one includes the change of the cookie and the segments of the
// replies.
func responseText(d *phone.Delivery, i int, e phone.Exchange) string {
	text := e.Sent.Add(e.Took).Local().Format(clock)
	if e.Status != 0 {
		text += fmt.Sprintf(" %d", e.Status)
	}
	text += " after " + e.Took.Round(100*time.Microsecond).String()
	if e.Error != "" {
		text += ": " + e.Error
	}
	if i < len(d.Exchanges)-1 {
		return text
	}
	if d.Cookie == phone.NoCookie {
		text += ", no cookie"
	} else {
		text += ", cookie " + string(d.Cookie)
	}
	for _, r := range d.Replies {
		text += ", " + segments(r.Segments)
	}
	return text
}

func segments(s gsm.Segments) string {
	if s.Count == 1 {
		return fmt.Sprintf("1 %s segment", s.Encoding)
	}
	return fmt.Sprintf("%d %s segments", s.Count, s.Encoding)
}
