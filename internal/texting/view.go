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

// View shows a person the messages that they send and get, and the errors that Twilio would log. Its methods return the
// errors of its writers. A View is not safe for concurrent use.
type View struct {
	Out      io.Writer
	JSON     io.Writer // gets a line of JSON for each delivery, which Out then does not show; may be nil
	From, To string    // the numbers of the conversation; other numbers of a reply are shown
	Echo     bool      // show each line on Out before it is carried out, because nobody typed it at the terminal
	Verbose  bool      // show every request and response on Out
	Colour   bool      // use ANSI colours on Out
}

// mark is the beginning of a line.
type mark string

const (
	sent     mark = "> "
	received mark = "< "
	failure  mark = "! " // an error that Twilio would log
	warning  mark = "? "
	note     mark = "* "
	body     mark = "| " // a line of the body of a response
	request  mark = "--> "
	response mark = "<-- "
)

// format returns a text with its mark before the first line. It indents the other lines and escapes control characters.
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

// Typed shows a line that will be carried out. It does nothing unless Echo is set.
func (v *View) Typed(line string) error {
	if !v.Echo {
		return nil
	}
	_, err := io.WriteString(v.Out, v.format(sent, line))
	return err
}

// Note shows lines of information on Out. They are not part of a message.
func (v *View) Note(lines ...string) error {
	_, err := io.WriteString(v.Out, v.format(note, strings.Join(lines, "\n")))
	return err
}

// toggleVerbose turns the output of requests and responses on or off, and shows the new setting.
func (v *View) toggleVerbose() error {
	if v.JSON != nil {
		return v.Note("/verbose has no effect with --json: use --verbose on the command line")
	}
	v.Verbose = !v.Verbose
	if v.Verbose {
		return v.Note("requests and responses will be shown")
	}
	return v.Note("requests and responses will not be shown")
}

// Delivered shows the result of a delivery: the replies that the sender gets, and the findings. If JSON is set, it
// writes the delivery as JSON instead.
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
		if r.Status == phone.Refused {
			b.WriteString(v.format(note, "not sent: "+v.replyText(r)))
		} else {
			b.WriteString(v.format(received, v.replyText(r)))
		}
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
	for _, e := range d.Exchanges {
		if v.Verbose || !d.Message.Forged { // a forged message must be refused
			b.WriteString(v.bodyText(d, e))
		}
	}
	_, err := io.WriteString(v.Out, b.String())
	return err
}

// bodyText returns the body of a response that Twilio cannot use, or its first lines. It returns "" for others.
func (v *View) bodyText(d *phone.Delivery, e phone.Exchange) string {
	lines, more := e.Excerpt, ""
	switch {
	case len(lines) == 0:
		return ""
	case v.Verbose:
		lines = strings.Split(strings.TrimRight(e.ResponseBody, "\r\n"), "\n")
	case e.ExcerptIsCut:
		more = v.format(note, "the body is longer: /verbose or --verbose shows all of it")
	}
	title := fmt.Sprintf("the body of the %d:", e.Status)
	if len(d.Exchanges) > 1 {
		title = fmt.Sprintf("the body of the %d of %s:", e.Status, e.URL)
	}
	text := v.format(note, title)
	for _, line := range lines {
		text += v.format(body, line)
	}
	return text + more
}

// replyText returns the text of a reply, and the URLs of its media on one line each.
func (v *View) replyText(r phone.Reply) string {
	lines := r.Media
	if r.Body != "" {
		lines = append([]string{r.Body}, lines...)
	}
	text := strings.Join(lines, "\n")
	switch {
	case r.FromTwilio:
		return "from Twilio: " + text
	case r.To != v.From:
		return "to " + r.To + ": " + text
	case r.From != v.To:
		return "from " + r.From + ": " + text
	}
	return text
}

// findingText returns the text of a finding. The text begins with Twilio's error number, if there is one. It ends with
// the URL if there were several requests.
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

// requestText describes request number i. The text of the first request includes the MessageSid and the segments.
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

// responseText describes response number i. The text of the last response includes the change of the cookie and the
// segments of the replies.
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
