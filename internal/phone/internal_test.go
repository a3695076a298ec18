package phone

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// The values come from https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
func TestDefaultOverrides(t *testing.T) {
	want := overrides{connect: 5 * time.Second, read: 15 * time.Second, total: 15 * time.Second, retries: 1,
		policy: retryConnect, sni: true}
	if o, err := parseOverrides(""); err != nil || o != want {
		t.Errorf("the defaults are %+v, %v, want %+v", o, err, want)
	}
}

// vectors returns the signatures that Twilio has published, by their numbers.
func vectors(t *testing.T) map[string]vector {
	t.Helper()
	data, err := os.ReadFile("../twilio/testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	byNumber := make(map[string]vector)
	for _, v := range all {
		if _, found := byNumber[v.Number]; !found {
			byNumber[v.Number] = v
		}
	}
	return byNumber
}

type vector struct {
	Number, Name, Signed, Body, Signature string
	Refused                               bool
}

// signed returns the signature of a form that a phone posts to a URL.
func signed(t *testing.T, url, body string) string {
	t.Helper()
	to, err := newTarget(Endpoint{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	s := sending{phone: &Phone{options: Options{AuthToken: "12345"}}}
	r := request{method: "POST", to: to, form: []byte(body)}
	return s.sign(r.signed(), r.form)
}

// The vectors with a user are left out, because Twilio does not sign the user. The vector that must be refused is left
// out, too.
func TestPublishedSignatures(t *testing.T) {
	all := vectors(t)
	for _, number := range []string{
		"1", "2", "3", "4", "5", "6", "7", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "25",
		"C# 1", "C# 2", "C# 3",
	} {
		v, found := all[number]
		if !found || v.Refused {
			t.Errorf("there is no vector %s", number)
		}
		t.Run(number+" "+v.Name, func(t *testing.T) {
			if got := signed(t, v.Signed, v.Body); got != v.Signature {
				t.Errorf("the signature is %s, want the published one, %s", got, v.Signature)
			}
		})
	}
}

func TestSignedURL(t *testing.T) {
	all := vectors(t)
	for _, row := range []struct{ name, url, vector string }{
		{"user and password are not signed", "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", "1"},
		{"a user without a password is not signed", "https://user@mycompany.com/myapp.php?foo=1&bar=2", "1"},
		{"the port is signed", "https://user:pass@mycompany.com:443/myapp.php?foo=1&bar=2", "5"},
		{"connection overrides are not signed", "https://u:p@mycompany.com/myapp.php?foo=1&bar=2#rc=2&rp=all", "1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := all[row.vector]
			if got := signed(t, row.url, v.Body); got != v.Signature {
				t.Errorf("the signature is %s, want the published one, %s", got, v.Signature)
			}
		})
	}
}
