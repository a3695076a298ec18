package phone

import (
	"encoding/json"
	"net/url"
	"os"
	"testing"
)

// vectors are the signatures that Twilio published, as internal/twilio holds them.
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

// signed is the signature of a form that is posted to a URL, as a phone makes it.
func signed(t *testing.T, configured string, body []byte) string {
	t.Helper()
	to, err := Endpoint{URL: configured}.site()
	if err != nil {
		t.Fatal(err)
	}
	s := sending{phone: &Phone{options: Options{AuthToken: "12345"}}, delivery: &Delivery{}}
	return s.request(errand{method: "POST", to: to, form: body}).signature
}

// Two kinds of vectors are not here: those with user and password, which Twilio drops (below), and the one that is
// to be refused. Those about JSON have no parameters: their URL alone is signed.
func TestThePhoneSignsThePublishedVectors(t *testing.T) {
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
			if got := signed(t, v.Signed, []byte(v.Body)); got != v.Signature {
				t.Errorf("signed %s, published %s", got, v.Signature)
			}
		})
	}
}

// What Twilio does not sign is cut off, and the published signature of what is left must come out.
func TestThePhoneSignsTheURLAsConfigured(t *testing.T) {
	all := vectors(t)
	for _, row := range []struct{ name, url, vector string }{
		{"without user and password", "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", "1"},
		{"without a user alone", "https://user@mycompany.com/myapp.php?foo=1&bar=2", "1"},
		{"with the port", "https://user:pass@mycompany.com:443/myapp.php?foo=1&bar=2", "5"},
		{"without connection overrides", "https://mycompany.com/myapp.php?foo=1&bar=2#rc=2&rp=all", "1"},
		{"without either", "https://u:p@mycompany.com/myapp.php?foo=1&bar=2#ct=1000", "1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := all[row.vector]
			if got := signed(t, row.url, []byte(v.Body)); got != v.Signature {
				t.Errorf("signed %s, published %s", got, v.Signature)
			}
		})
	}
}

// The naive way to cut the URL would have lost these bytes.
func TestNetURLWouldHaveChangedWhatIsSigned(t *testing.T) {
	v := vectors(t)["19"]
	u, err := url.Parse(v.Signed)
	if err != nil {
		t.Fatal(err)
	}
	if u.String() == v.Signed {
		t.Errorf("net/url keeps %s", v.Signed)
	}
}
