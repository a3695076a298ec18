package texting

import (
	"io"

	"smsession/internal/phone"
	"smsession/internal/terminal"
)

// JSON is the view of a program: one line of JSON for each message. Notes go elsewhere.
type JSON struct {
	Out   io.Writer
	Notes io.Writer
}

// Delivered writes one object. Its lists are never null.
func (j *JSON) Delivered(d *phone.Delivery) error {
	full := *d
	full.Exchanges = append([]phone.Exchange{}, d.Exchanges...)
	full.Replies = append([]phone.Reply{}, d.Replies...)
	full.Findings = append([]phone.Finding{}, d.Findings...)
	return terminal.WriteJSON(j.Out, struct {
		OK bool `json:"ok"` // Twilio would have logged no error
		*phone.Delivery
	}{d.OK(), &full})
}

// Typed shows nothing.
func (j *JSON) Typed(string) error { return nil }

// Note writes the lines to Notes.
func (j *JSON) Note(lines ...string) error { return (&Screen{Out: j.Notes}).Note(lines...) }

// ToggleVerbose changes nothing.
func (j *JSON) ToggleVerbose() string {
	return "with --json, use --verbose on the command line to get headers and bodies"
}
