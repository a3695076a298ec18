package phone

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// testdata/errors.tsv is copied from Twilio's Error and Warning Dictionary, https://www.twilio.com/docs/api/errors:
// number, level and name.
func TestEveryNumberHasTwiliosName(t *testing.T) {
	text, err := os.ReadFile("testdata/errors.tsv")
	if err != nil {
		t.Fatal(err)
	}
	published := map[int]string{}
	for line := range strings.Lines(string(text)) {
		parts := strings.Split(strings.TrimSpace(line), "\t")
		code, err := strconv.Atoi(parts[0])
		if err != nil || len(parts) != 3 {
			t.Fatalf("%q is no line of the dictionary", line)
		}
		published[code] = parts[2]
	}
	for code := range 100_000 {
		if got := faultName(code); got != published[code] {
			t.Errorf("%d is named %q, want %q", code, got, published[code])
		}
	}
}

func TestFaultsAreErrorsAndCautionsWarnings(t *testing.T) {
	const detail, url = "The server answered 500.", "https://sms.example.com/sms"
	want := Finding{Code: 11217, Name: "HTTP error response code", Detail: detail, URL: url}
	if got := fault(11217, detail, url); got != want {
		t.Errorf("a fault is %+v, want %+v", got, want)
	}
	want.Warning = true
	if got := caution(11217, detail, url); got != want {
		t.Errorf("a caution is %+v, want %+v", got, want)
	}
	if got, want := caution(0, detail, url), (Finding{Detail: detail, URL: url, Warning: true}); got != want {
		t.Errorf("a caution without a number is %+v, want %+v", got, want)
	}
}
