package usage

import "github.com/alecthomas/kong"

// Address is a phone number, or another address, on the command line. It is never empty: in a script, an empty value
// comes from a variable that is not set, and `smsession end` would then end the conversations of all senders.
type Address string

// Decode parses a value for kong. If the value is empty, the error is a Fault that names the flag or the argument.
func (a *Address) Decode(ctx *kong.DecodeContext) error {
	if err := ctx.Scan.PopValueInto("number", (*string)(a)); err != nil {
		return err
	}
	switch {
	case *a != "":
		return nil
	case ctx.Value.Flag != nil:
		return Fault("--" + ctx.Value.Flag.Name + " is empty")
	}
	return Fault("the " + ctx.Value.Name + " is empty")
}
