package twiml

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// testdata/errors.tsv is copied from Twilio's Error and Warning Dictionary, https://www.twilio.com/docs/api/errors:
// number, level and name.
func TestErrorNames(t *testing.T) {
	text, err := os.ReadFile("testdata/errors.tsv")
	if err != nil {
		t.Fatal(err)
	}
	published := 0
	for line := range strings.Lines(string(text)) {
		parts := strings.Split(strings.TrimSpace(line), "\t")
		code, err := strconv.Atoi(parts[0])
		if err != nil || len(parts) != 3 {
			t.Fatalf("%q is not a line of the dictionary", line)
		}
		published++
		if got := errorNames[code]; got != parts[2] {
			t.Errorf("%d has the name %q, want %q", code, got, parts[2])
		}
	}
	if len(errorNames) != published {
		t.Errorf("errorNames has %d names, want the %d published ones", len(errorNames), published)
	}
}
