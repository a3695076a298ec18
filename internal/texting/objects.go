package texting

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"smsession/internal/phone"
)

// Objects is the view of a program: a JSON object and a newline for every message, and notes by another way.
type Objects struct {
	Out   io.Writer
	Notes io.Writer
}

// object is a delivery and what a program wants to know first.
type object struct {
	OK bool `json:"ok"` // Twilio would have logged no error
	*phone.Delivery
}

// Delivered writes one object. Its lists are lists, also where nothing is in them.
func (o *Objects) Delivered(d *phone.Delivery) error {
	full := *d
	full.Exchanges = append([]phone.Exchange{}, d.Exchanges...)
	full.Replies = append([]phone.Reply{}, d.Replies...)
	full.Findings = append([]phone.Finding{}, d.Findings...)
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object{d.OK(), &full}); err != nil {
		return fmt.Errorf("write a delivery as JSON: %w", err)
	}
	_, err := io.WriteString(o.Out, escapeJSON(b.String()))
	return err
}

// escapeJSON writes what a terminal would not show as the escapes of JSON. Such characters stand inside its strings alone,
// but for the newline at its end.
func escapeJSON(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == utf8.RuneError || printable(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			first, second := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, first, second)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// Typed shows nothing.
func (o *Objects) Typed(string) error { return nil }

// Note writes lines of ours where they are no part of the output.
func (o *Objects) Note(lines ...string) error {
	_, err := io.WriteString(o.Notes, (&Screen{}).line(note, strings.Join(lines, "\n")))
	return err
}

// ToggleVerbose changes nothing: the objects are what they were from the start.
func (o *Objects) ToggleVerbose() string {
	return "with --json, --verbose on the command line adds headers and bodies"
}
