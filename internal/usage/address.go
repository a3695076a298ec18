package usage

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"

	"smsession/internal/terminal"
)

// Address is a phone number, or another address of a message. On the command line it is never empty: in a script, an
// empty value comes from a variable that is not set, and `smsession end` would then end the conversations of all
// senders.
type Address struct {
	Number string // as Twilio writes it: +12025550143, whatsapp:+12025550143, messenger:123 or a short code
	Typed  string // as the person wrote it
}

// String returns the number.
func (a Address) String() string { return a.Number }

// ParseAddress returns the address that a person means. A phone number may have spaces, dots, dashes and parentheses.
// Without a +, ten digits are a number of the United States or Canada, and so are eleven digits that begin with 1. From
// three to six digits are a short code. The rule for numbers also applies after whatsapp: and rcs:. Anything else with
// the prefix of a channel does not change, and neither does a masked number, which other packages recognize. The error
// is the end of a sentence that begins with the name of the address. It does not quote the text.
func ParseAddress(typed string) (Address, error) {
	a := Address{Number: strings.TrimSpace(typed), Typed: typed}
	if a.Number == "" {
		return a, errors.New("is empty")
	}
	channel, rest, hasChannel := strings.Cut(a.Number, ":")
	if !hasChannel {
		channel, rest = "", a.Number
	}
	switch number, isNumber := normalise(rest); {
	case hasChannel && (channel != "whatsapp" && channel != "rcs" || !isNumber) || strings.Contains(rest, "•"):
		return a, nil
	case !isNumber:
		return a, errors.New("must be a phone number such as +12025550143")
	case hasChannel:
		a.Number = channel + ":" + number
	default:
		a.Number = number
	}
	return a, nil
}

// normalise returns a phone number in the form of E.164, or a short code. isNumber is false if the text is neither. The
// zero in parentheses of +44 (0)20 7946 0958 is dialled only within the country. Area codes of the North American
// Numbering Plan begin with 2 to 9: https://www.nanpa.com/numbering/numbering-plan-area-npa-codes.
func normalise(text string) (number string, isNumber bool) {
	isLayout := func(r rune) bool { // Cf: a telephone's list of contacts puts marks of direction around a number
		return unicode.IsSpace(r) || strings.ContainsRune(".()/\u2212", r) || unicode.In(r, unicode.Pd, unicode.Cf)
	}
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if isLayout(r) {
				return -1
			}
			return r
		}, s)
	}
	digits, hasPlus := strings.CutPrefix(plain(text), "+")
	if hasPlus {
		digits = strings.TrimPrefix(plain(strings.Replace(text, "(0)", "", 1)), "+")
	}
	switch {
	case digits == "" || strings.Trim(digits, "0123456789") != "":
		return "", false
	case hasPlus:
		return "+" + digits, len(digits) <= 20 // as twilio.CheckAddress; E.164 has 15
	case len(digits) == 10 && digits[0] >= '2':
		return "+1" + digits, true
	case len(digits) == 11 && digits[0] == '1':
		return "+" + digits, true
	}
	return digits, len(digits) >= 3 && len(digits) <= 6 && digits == strings.TrimSpace(text)
}

// Decode parses a value for kong. The error is a Fault that names the flag or the argument.
func (a *Address) Decode(ctx *kong.DecodeContext) error {
	var typed string
	if err := ctx.Scan.PopValueInto("number", &typed); err != nil {
		return err
	}
	name := "the " + ctx.Value.Name
	if ctx.Value.Flag != nil {
		name = "--" + ctx.Value.Flag.Name
	}
	var err error
	if *a, err = ParseAddress(typed); err != nil {
		return Fault(name + " " + err.Error())
	}
	return nil
}

// AfterApply reports on standard error that another number is used than the one on the command line. kong calls it. It
// does not call it for the elements of a list.
func (a Address) AfterApply(ctx *kong.Context) error {
	if a.Typed != a.Number {
		_, _ = fmt.Fprintf(ctx.Stderr, "smsession: %s\n", a.Change())
	}
	return nil
}

// Change returns a sentence about the difference between the number and what was typed. It is safe for a terminal.
func (a Address) Change() string {
	return terminal.Escape(a.Typed) + " is read as " + terminal.Escape(a.Number)
}
