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

// Screen is the view of a person: what they send and get, as on a phone, and what Twilio would log.
type Screen struct {
	Out      io.Writer
	From, To string // the numbers of the conversation: a reply with other numbers is marked
	Echo     bool   // show the lines, because they were not typed on this terminal
	Verbose  bool   // show every request and response
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

// colour returns the ANSI code for a kind of line, or "" for the usual colour.
func (m mark) colour() string {
	switch m {
	case failure:
		return "31" // red
	case warning:
		return "33" // yellow
	case note, request, response:
		return "2" // faint
	}
	return ""
}

// write writes a text after its mark. Further lines of the text are indented.
func (s *Screen) write(m mark, text string) error {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = terminal.EscapeMessage(strings.TrimSuffix(line, "\r"))
	}
	text = string(m) + strings.Join(lines, "\n"+strings.Repeat(" ", len(m)))
	if code := m.colour(); s.Colour && code != "" {
		text = "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	_, err := io.WriteString(s.Out, text+"\n")
	return err
}

// Typed shows a line if Echo is set.
func (s *Screen) Typed(line string) error {
	if !s.Echo {
		return nil
	}
	return s.write(sent, line)
}

// Note shows a note of ours.
func (s *Screen) Note(lines ...string) error { return s.write(note, strings.Join(lines, "\n")) }

// ToggleVerbose starts or stops showing requests and responses.
func (s *Screen) ToggleVerbose() string {
	s.Verbose = !s.Verbose
	if s.Verbose {
		return "requests and responses are shown from now on"
	}
	return "requests and responses are no longer shown"
}

// Delivered shows what the sender gets, and what is wrong.
func (s *Screen) Delivered(d *phone.Delivery) error {
	type line struct {
		mark
		text string
	}
	var lines []line
	for i, e := range d.Exchanges {
		if s.Verbose {
			lines = append(lines, line{request, requestText(d, i, e)}, line{response, responseText(d, i, e)})
		}
	}
	for _, r := range d.Replies {
		lines = append(lines, line{received, s.replyText(r)})
	}
	if len(d.Replies) == 0 {
		lines = append(lines, line{note, "no reply"})
	}
	for _, f := range d.Findings {
		m := failure
		if f.Warning {
			m = warning
		}
		lines = append(lines, line{m, findingText(d, f)})
	}
	for _, l := range lines {
		if err := s.write(l.mark, l.text); err != nil {
			return err
		}
	}
	return nil
}

// replyText returns the text of a reply, and a line for each of its media.
func (s *Screen) replyText(r phone.Reply) string {
	lines := r.Media
	if r.Body != "" {
		lines = append([]string{r.Body}, lines...)
	}
	text := strings.Join(lines, "\n")
	switch {
	case r.To != s.From:
		return "to " + r.To + ": " + text
	case r.From != s.To:
		return "from " + r.From + ": " + text
	}
	return text
}

// findingText begins with Twilio's error number. It ends with the URL if there were several.
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

// responseText describes response number i. The last one includes what became of the cookie and the segments of the
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
