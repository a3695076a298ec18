package twilio_test

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"smsession/internal/twilio"
)

// vectorToken is the auth token of every published vector.
const vectorToken = "12345"

// vector is a signature that Twilio published, in its documentation or in the tests of its libraries. Those with a
// Public URL are about the Verifier; the others hold for the signing function alone, because Twilio never sends them to
// a webhook for messages.
type vector struct {
	Number    string // the same for all rows about one published signature
	Name      string
	Source    string
	Signed    string // the URL under the signature
	Public    string
	Target    string
	Body      string
	Signature string
	Refused   bool
}

func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// published returns the vector of a number, the first of several.
func published(t *testing.T, number string) vector {
	t.Helper()
	for _, v := range vectors(t) {
		if v.Number == number {
			return v
		}
	}
	t.Fatalf("no vector %s", number)
	return vector{}
}

func parse(t testing.TB, body string) twilio.Form {
	t.Helper()
	form, err := twilio.ParseForm([]byte(body))
	if err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return form
}

func verifier(t testing.TB, public string, tokens ...string) *twilio.Verifier {
	t.Helper()
	u, err := url.Parse(public)
	if err != nil {
		t.Fatal(err)
	}
	return twilio.NewVerifier(u, tokens)
}

func TestVerifierHoldsThePublishedVectors(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Public == "" {
			continue
		}
		t.Run(v.Number+" "+v.Name, func(t *testing.T) {
			got := verifier(t, v.Public, vectorToken).Verify(v.Signature, v.Target, parse(t, v.Body))
			if got == v.Refused {
				t.Errorf("accepted: %t, want %t (%s)", got, !v.Refused, v.Source)
			}
		})
	}
}

func TestSignHoldsThePublishedVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Number+" "+v.Name, func(t *testing.T) {
			got := twilio.Sign(vectorToken, v.Signed, parse(t, v.Body))
			if (got == v.Signature) == v.Refused {
				t.Errorf("signed %s, published %s, to be refused: %t (%s)", got, v.Signature, v.Refused, v.Source)
			}
		})
	}
}

// Every row is the first published vector with one thing changed.
func TestVerifierRefuses(t *testing.T) {
	genuine := published(t, "1")
	const added = "&OptOutType=STOP"
	for name, change := range map[string]func(v *vector, token *string){
		"a missing signature":                 func(v *vector, _ *string) { v.Signature = "" },
		"a signature that is cut short":       func(v *vector, _ *string) { v.Signature = strings.TrimSuffix(v.Signature, "=") },
		"a signature with something after it": func(v *vector, _ *string) { v.Signature += "=" },
		"a signature with white space":        func(v *vector, _ *string) { v.Signature = " " + v.Signature },
		"another text for the same bytes":     func(v *vector, _ *string) { v.Signature = strings.Replace(v.Signature, "8=", "9=", 1) },
		"a signature in lower case":           func(v *vector, _ *string) { v.Signature = strings.ToLower(v.Signature) },
		"another token":                       func(_ *vector, token *string) { *token = "12346" },
		"no token":                            func(_ *vector, token *string) { *token = "" },
		"a changed value":                     func(v *vector, _ *string) { v.Body = strings.Replace(v.Body, "1234", "1235", 1) },
		"a changed name":                      func(v *vector, _ *string) { v.Body = strings.Replace(v.Body, "Digits", "Digit", 1) },
		"another parameter":                   func(v *vector, _ *string) { v.Body += added },
		"another parameter without a value":   func(v *vector, _ *string) { v.Body += "&OptOutType" },
		"another value for a name":            func(v *vector, _ *string) { v.Body += "&Digits=12" },
		"a parameter less":                    func(v *vector, _ *string) { v.Body = strings.Replace(v.Body, "&Digits=1234", "", 1) },
		"no parameters":                       func(v *vector, _ *string) { v.Body = "" },
		"another path":                        func(v *vector, _ *string) { v.Target = "/other" + v.Target },
		"another query":                       func(v *vector, _ *string) { v.Target = strings.Replace(v.Target, "foo=1", "foo=2", 1) },
		"a query in another order":            func(v *vector, _ *string) { v.Target = "/myapp.php?bar=2&foo=1" },
		"a path below the public URL's":       func(v *vector, _ *string) { v.Public += "/below" },
		"another scheme":                      func(v *vector, _ *string) { v.Public = "http://mycompany.com" },
		"another host":                        func(v *vector, _ *string) { v.Public = "https://mycompany.org" },
		"another case of the host":            func(v *vector, _ *string) { v.Public = "https://MyCompany.com" },
		"another port":                        func(v *vector, _ *string) { v.Public = "https://mycompany.com:8443" },
		"the other scheme's port":             func(v *vector, _ *string) { v.Public = "https://mycompany.com:80" },
	} {
		t.Run(name, func(t *testing.T) {
			v, token := genuine, vectorToken
			change(&v, &token)
			if verifier(t, v.Public, token).Verify(v.Signature, v.Target, parse(t, v.Body)) {
				t.Error("accepted")
			}
		})
	}
	if !verifier(t, genuine.Public, vectorToken).Verify(genuine.Signature, genuine.Target, parse(t, genuine.Body)) {
		t.Error("the genuine one is refused too")
	}
}

func TestVerifierReadsThePublicURL(t *testing.T) {
	for _, row := range []struct {
		name, number, public, target string
	}{
		{"its last slash is dropped", "1", "https://mycompany.com/", "/myapp.php?foo=1&bar=2"},
		{"only one slash is dropped", "14", "https://mycompany.com//", "myapp.php"},
		{"its path is kept", "14", "https://mycompany.com/myapp.php", ""},
		{"the last slash of its path is dropped", "19", "https://mycompany.com/webhook/", "/España?año=2023"},
		{"its user and password are dropped", "1", "https://user:pass@mycompany.com", "/myapp.php?foo=1&bar=2"},
		{"its fragment is dropped", "1", "https://mycompany.com#rc=2&rp=all", "/myapp.php?foo=1&bar=2"},
		{"its query is dropped", "1", "https://mycompany.com?a=b", "/myapp.php?foo=1&bar=2"},
		{"an empty port is none", "1", "https://mycompany.com:", "/myapp.php?foo=1&bar=2"},
		{"a scheme in upper case is one in lower case", "1", "HTTPS://mycompany.com", "/myapp.php?foo=1&bar=2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := published(t, row.number)
			if !verifier(t, row.public, vectorToken).Verify(v.Signature, row.target, parse(t, v.Body)) {
				t.Errorf("%s refused for %s", v.Signed, row.public)
			}
		})
	}
}

// What is signed is told here byte for byte; the signing function, which takes any URL, is held to the vectors.
func TestVerifierKeepsTheBytesOfThePublicURL(t *testing.T) {
	for _, row := range []struct{ name, public, signed string }{
		{"an escaped slash stays escaped", "https://a.example/x%2Fy", "https://a.example/x%2Fy/sms"},
		{"a lower-case escape stays lower-case", "https://a.example/x%c3%b1", "https://a.example/x%c3%b1/sms"},
		{"a needless escape stays", "https://a.example/%61", "https://a.example/%61/sms"},
		{"a byte that need not be escaped stays", "https://a.example/a!'()*", "https://a.example/a!'()*/sms"},
		{"a byte that should be escaped stays", `https://a.example/a"b`, `https://a.example/a"b/sms`},
		{"an IPv6 host keeps its brackets", "https://[2001:db8::1]", "https://[2001:db8::1]/sms"},
		{"an IPv6 host is tried with the default port", "https://[2001:db8::1]", "https://[2001:db8::1]:443/sms"},
		{"an IPv6 host is tried without it", "https://[2001:db8::1]:443", "https://[2001:db8::1]/sms"},
		{"an IPv6 host keeps another port", "http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080/sms"},
		{"a host outside ASCII stays", "https://españa.example", "https://españa.example/sms"},
	} {
		t.Run(row.name, func(t *testing.T) {
			form := parse(t, published(t, "1").Body)
			signature := twilio.Sign(vectorToken, row.signed, form)
			if !verifier(t, row.public, vectorToken).Verify(signature, "/sms", form) {
				t.Errorf("%s refused for %s", row.signed, row.public)
			}
		})
	}
}

func TestVerifierTakesEveryTokenWhileTheyRotate(t *testing.T) {
	v := published(t, "1")
	form := parse(t, v.Body)
	for _, row := range []struct {
		name   string
		tokens []string
		want   bool
	}{
		{"the old token is the signer's", []string{vectorToken, "new"}, true},
		{"the new token is the signer's", []string{"old", vectorToken}, true},
		{"an empty token among them is passed over", []string{"", vectorToken, ""}, true},
		{"neither token is the signer's", []string{"old", "new"}, false},
		{"there are no tokens", nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := verifier(t, v.Public, row.tokens...).Verify(v.Signature, v.Target, form); got != row.want {
				t.Errorf("accepted: %t, want %t", got, row.want)
			}
		})
	}
}

func TestAnEmptyTokenVerifiesNothing(t *testing.T) {
	form := parse(t, "a=b")
	signature := twilio.Sign("", "https://a.example/sms", form)
	if verifier(t, "https://a.example", "").Verify(signature, "/sms", form) {
		t.Error("a signature that anybody can make was accepted")
	}
}

func TestVerifierIsSafeForConcurrentUse(t *testing.T) {
	v, other := published(t, "1"), published(t, "16")
	shared := verifier(t, v.Public, "old", vectorToken)
	form, otherForm := parse(t, v.Body), parse(t, other.Body)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				if !shared.Verify(v.Signature, v.Target, form) || !shared.Verify(other.Signature, other.Target, otherForm) {
					t.Error("a genuine signature was refused")
				}
				if shared.Verify(v.Signature, v.Target, otherForm) {
					t.Error("another form was accepted")
				}
			}
		})
	}
	group.Wait()
}
