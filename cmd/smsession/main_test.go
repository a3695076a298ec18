package main

import (
	"errors"
	"testing"
)

// Other programs may have sent parts of an error.
func TestSentence(t *testing.T) {
	err := errors.Join(errors.New("Twilio says \x1b[2Jhello\rbye"), errors.New("and \u202eno more"))
	if got, want := sentence(err), `Twilio says \x1b[2Jhello\rbye; and \u202eno more`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
