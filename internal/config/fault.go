package config

import (
	"fmt"
	"strings"
)

// Faults are all faults of the settings, in the order of the settings. Each is a sentence without its full stop, which
// begins with both names of the setting. No fault contains a secret.
type Faults []string

// Error returns one line for each fault.
func (f Faults) Error() string { return strings.Join(f, "\n") }

// add adds a fault for each error that err joins. An error continues a sentence that begins with the setting.
func (f *Faults) add(name string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, each := range joined.Unwrap() {
			f.add(name, each)
		}
	} else if err != nil {
		flag := strings.ReplaceAll(strings.ToLower(name), "_", "-")
		*f = append(*f, fmt.Sprintf("%s (--%s): %v", name, flag, err))
	}
}

// quote returns the text of a setting that is not a secret, for a fault. It does not quote a long text, because that may
// be a secret in the wrong setting: Twilio's auth tokens have 32 characters.
func quote(text string) string {
	if len(text) > 24 {
		return "the value"
	}
	return fmt.Sprintf("%q", text)
}
