package config

import (
	"fmt"
	"strings"
)

// Faults are all faults of the settings. Each has both names of the setting, a colon, and a sentence without its full
// stop. No fault contains a secret.
type Faults []string

// Error returns one line for each fault.
func (f Faults) Error() string { return strings.Join(f, "\n") }

// add adds a fault for each error that err joins, and none if err is nil.
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
