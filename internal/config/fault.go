package config

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with one setting.
type Fault struct {
	// Name is the setting's name in the environment.
	Name string
	// Problem is a plain sentence without its full stop. It never holds a
	// secret.
	Problem string
}

// Error names the setting by both its names, then the problem.
func (f Fault) Error() string {
	return fmt.Sprintf("%s (--%s): %s", f.Name, flagName(f.Name), f.Problem)
}

// Faults are all faults of a configuration, in the order of the settings. It
// is the error that the Config methods return.
type Faults []Fault

// Error has one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// flagName returns the flag of the setting name, without its dashes.
func flagName(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

// checker turns strings into a Config. It begins with the defaults, replaces
// what is set, and goes on after a fault, so that all come out together.
type checker struct {
	config Config
	faults Faults
}

func (c *checker) fault(name, format string, args ...any) {
	c.faults = append(c.faults, Fault{Name: name, Problem: fmt.Sprintf(format, args...)})
}

// faultEach adds a fault for each error that err joins.
func (c *checker) faultEach(name string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, each := range joined.Unwrap() {
			c.faultEach(name, each)
		}
	} else if err != nil {
		c.fault(name, "%v", err)
	}
}

// result returns the configuration only if nothing is wrong with it. The nil
// is written out because an empty Faults in an error is not nil.
func (c *checker) result() (Config, error) {
	if len(c.faults) > 0 {
		return Config{}, c.faults
	}
	return c.config, nil
}

// quote returns value for a fault about a setting that is no secret. A long
// one is described instead: it may be a secret under the wrong name (Twilio's
// auth tokens have 32 characters), and nothing right is so long.
func quote(value string) string {
	const longest = 24
	if len(value) > longest {
		return "the value"
	}
	return fmt.Sprintf("%q", value)
}
