package texting

import (
	"fmt"
	"io"
	"strings"
	"time"

	"smsession/internal/gsm"
	"smsession/internal/phone"
)

// Screen is the view of somebody who reads along: what they send and get, as on a phone, and what Twilio would have to
// say about it. Everything on it is printable.
type Screen struct {
	Out      io.Writer
	From, To string // the pair: a reply that is for somebody else, or from another number, is marked
	Echo     bool   // show the lines, which nobody has seen being typed
	Verbose  bool   // show every request and response
	Colour   bool
}

// How a line begins says what it is.
const (
	sent     = "> "
	received = "< "
	fault    = "! " // Twilio would have logged it
	warning  = "? "
	note     = "* "
)

// colour is ANSI's, by how a line begins.
func colour(begin string) string {
	switch begin {
	case fault:
		return "31"
	case warning:
		return "33"
	case note, "--> ", "<-- ":
		return "2"
	}
	return ""
}

// Typed shows a line if nobody has seen it.
func (s *Screen) Typed(line string) error {
	if !s.Echo {
		return nil
	}
	return s.write(s.line(sent, line))
}

// Note shows lines of ours.
func (s *Screen) Note(lines ...string) error {
	return s.write(s.line(note, strings.Join(lines, "\n")))
}

// ToggleVerbose shows every request and response from now on, or no longer.
func (s *Screen) ToggleVerbose() string {
	s.Verbose = !s.Verbose
	if s.Verbose {
		return "requests and responses are shown from now on"
	}
	return "requests and responses are shown no longer"
}

// Delivered shows what the sender gets, and what is wrong.
func (s *Screen) Delivered(d *phone.Delivery) error {
	var b strings.Builder
	if s.Verbose {
		s.exchanges(&b, d)
	}
	for _, r := range d.Replies {
		b.WriteString(s.line(received, s.reply(r)))
	}
	if len(d.Replies) == 0 {
		b.WriteString(s.line(note, "no reply"))
	}
	for _, f := range d.Findings {
		begin := fault
		if f.Warning {
			begin = warning
		}
		b.WriteString(s.line(begin, findingText(d, f)))
	}
	return s.write(b.String())
}

// reply is what a phone shows of a reply, a line for the text and for each picture.
func (s *Screen) reply(r phone.Reply) string {
	text := strings.Join(append([]string{r.Body}, r.Media...), "\n")
	if r.Body == "" {
		text = strings.Join(r.Media, "\n")
	}
	switch {
	case r.To != s.From:
		return "to " + r.To + ": " + text
	case r.From != s.To:
		return "from " + r.From + ": " + text
	}
	return text
}

// findingText names the number as Twilio does, and the URL where there was more than one.
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

// exchanges shows a pair of lines for every request: the first says what the message takes on the air, the last what the
// replies do and what became of the cookie.
func (s *Screen) exchanges(b *strings.Builder, d *phone.Delivery) {
	for i, e := range d.Exchanges {
		request, response := requestText(e), responseText(e)
		if i == 0 {
			request += ", " + d.Message.SID + ", " + segments(gsm.Split(d.Message.Body))
		}
		if i == len(d.Exchanges)-1 {
			response += ", " + cookieText(d.Cookie)
			for _, r := range d.Replies {
				response += ", " + segments(r.Segments)
			}
		}
		b.WriteString(s.line("--> ", request) + s.line("<-- ", response))
	}
}

const clock = "15:04:05.000"

func requestText(e phone.Exchange) string {
	text := e.Sent.Local().Format(clock) + " " + e.Method + " " + e.URL
	if e.Address != "" && e.Address != e.URL {
		text += " at " + e.Address
	}
	if e.Reason != phone.Primary {
		text += ", " + string(e.Reason)
	}
	return text
}

func responseText(e phone.Exchange) string {
	text := e.Sent.Add(e.Took).Local().Format(clock)
	if e.Status != 0 {
		text += fmt.Sprintf(" %d", e.Status)
	}
	text += " after " + e.Took.Round(100*time.Microsecond).String()
	if e.Error != "" {
		text += ": " + e.Error
	}
	return text
}

func cookieText(c phone.CookieChange) string {
	if c == phone.NoCookie {
		return "no cookie"
	}
	return "cookie " + string(c)
}

func segments(s gsm.Segments) string {
	if s.Count == 1 {
		return fmt.Sprintf("1 %s segment", s.Encoding)
	}
	return fmt.Sprintf("%d %s segments", s.Count, s.Encoding)
}

// line is a text with its beginning. Further lines of it stand below the first.
func (s *Screen) line(begin, text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := range lines {
		lines[i] = escape(strings.TrimSuffix(lines[i], "\r"))
	}
	text = begin + strings.Join(lines, "\n"+strings.Repeat(" ", len(begin)))
	if code := colour(begin); s.Colour && code != "" {
		text = "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	return text + "\n"
}

func (s *Screen) write(text string) error {
	_, err := io.WriteString(s.Out, text)
	return err
}
