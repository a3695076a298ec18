package twilio_test

import (
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"

	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

// vectorToken is the auth token of every published vector.
const vectorToken = "12345"

// vector is a signature that Twilio published, in its documentation or in the tests of its libraries. A vector without
// a Public URL is a test of Sign only, because Twilio never sends such a request to a webhook for messages.
type vector struct {
	Number    string // the same for all rows about one published signature
	Name      string
	Source    string
	Signed    string // the URL that is signed
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

// published returns the first vector with the number.
func published(t *testing.T, number string) vector {
	t.Helper()
	for _, v := range vectors(t) {
		if v.Number == number {
			return v
		}
	}
	t.Fatalf("there is no vector %s", number)
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

// tokensOf returns tokens that sign for any account.
func tokensOf(values ...string) []twilio.Token {
	var tokens []twilio.Token
	for _, value := range values {
		tokens = append(tokens, twilio.Token{Value: value})
	}
	return tokens
}

// accepts reports whether a signature is accepted for a request with the query of target. The configured URL is public
// followed by target, without the query.
func accepts(public, target, signature string, form twilio.Form, tokens ...string) bool {
	path, query := target, ""
	if mark := strings.IndexByte(target, '?'); mark >= 0 {
		path, query = target[:mark], target[mark:]
	}
	_, ok := twilio.NewVerifier(weburl.Split(public+path), tokensOf(tokens...)).Verify(signature, query, form)
	return ok
}

func TestVerifyPublishedVectors(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Public == "" {
			continue
		}
		t.Run(v.Number+" "+v.Name, func(t *testing.T) {
			got := accepts(v.Public, v.Target, v.Signature, parse(t, v.Body), vectorToken)
			if got == v.Refused {
				t.Errorf("accepted: %t, want %t (%s)", got, !v.Refused, v.Source)
			}
		})
	}
}

func TestSignPublishedVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Number+" "+v.Name, func(t *testing.T) {
			got := twilio.Sign(vectorToken, v.Signed, parse(t, v.Body))
			if (got == v.Signature) == v.Refused {
				t.Errorf("signed %s, published %s, wrong on purpose: %t (%s)", got, v.Signature, v.Refused, v.Source)
			}
		})
	}
}

// The service signs a message for the team's own app with the token that Twilio used.
func TestSignWithTheTokenOfAMessage(t *testing.T) {
	v := published(t, "1")
	form := parse(t, v.Body)
	path, query, _ := strings.Cut(v.Target, "?")
	token, ok := twilio.NewVerifier(weburl.Split(v.Public+path), tokensOf("new", vectorToken)).Verify(v.Signature,
		"?"+query, form)
	got := twilio.Sign(token, "https://app.example/in?tenant=1", form)
	if want := macOf(vectorToken, "https://app.example/in?tenant=1"+signedPublished); !ok || got != want {
		t.Errorf("verified: %t, signed %s, want %s", ok, got, want)
	}
}

// Every row changes one thing in the first published vector.
func TestVerifyRefuses(t *testing.T) {
	genuine := published(t, "1")
	const added = "&OptOutType=STOP"
	for name, change := range map[string]func(v *vector, token *string){
		"a missing signature":               func(v *vector, _ *string) { v.Signature = "" },
		"a signature that is cut short":     func(v *vector, _ *string) { v.Signature = strings.TrimSuffix(v.Signature, "=") },
		"a signature with another byte":     func(v *vector, _ *string) { v.Signature += "=" },
		"a signature with white space":      func(v *vector, _ *string) { v.Signature = " " + v.Signature },
		"another base64 of the same bytes":  func(v *vector, _ *string) { v.Signature = strings.Replace(v.Signature, "8=", "9=", 1) },
		"a signature in lower case":         func(v *vector, _ *string) { v.Signature = strings.ToLower(v.Signature) },
		"another token":                     func(_ *vector, token *string) { *token = "12346" },
		"no token":                          func(_ *vector, token *string) { *token = "" },
		"a changed value":                   func(v *vector, _ *string) { v.Body = strings.Replace(v.Body, "1234", "1235", 1) },
		"a changed name":                    func(v *vector, _ *string) { v.Body = strings.Replace(v.Body, "Digits", "Digit", 1) },
		"another parameter":                 func(v *vector, _ *string) { v.Body += added },
		"another parameter without a value": func(v *vector, _ *string) { v.Body += "&OptOutType" },
		"another value for a name":          func(v *vector, _ *string) { v.Body += "&Digits=12" },
		"a missing parameter":               func(v *vector, _ *string) { v.Body = strings.Replace(v.Body, "&Digits=1234", "", 1) },
		"no parameters":                     func(v *vector, _ *string) { v.Body = "" },
		"another path":                      func(v *vector, _ *string) { v.Target = "/other" + v.Target },
		"another query":                     func(v *vector, _ *string) { v.Target = strings.Replace(v.Target, "foo=1", "foo=2", 1) },
		"a query in another order":          func(v *vector, _ *string) { v.Target = "/myapp.php?bar=2&foo=1" },
		"a path below the configured one":   func(v *vector, _ *string) { v.Public += "/below" },
		"another scheme":                    func(v *vector, _ *string) { v.Public = "http://mycompany.com" },
		"another host":                      func(v *vector, _ *string) { v.Public = "https://mycompany.org" },
		"another case of the host":          func(v *vector, _ *string) { v.Public = "https://MyCompany.com" },
		"another port":                      func(v *vector, _ *string) { v.Public = "https://mycompany.com:8443" },
		"the other scheme's port":           func(v *vector, _ *string) { v.Public = "https://mycompany.com:80" },
	} {
		t.Run(name, func(t *testing.T) {
			v, token := genuine, vectorToken
			change(&v, &token)
			if accepts(v.Public, v.Target, v.Signature, parse(t, v.Body), token) {
				t.Error("accepted")
			}
		})
	}
	if !accepts(genuine.Public, genuine.Target, genuine.Signature, parse(t, genuine.Body), vectorToken) {
		t.Error("the unchanged vector is refused too")
	}
}

// The rows contain the signed URLs byte for byte.
func TestVerifyKeepsTheBytesOfTheURL(t *testing.T) {
	for _, row := range []struct{ name, configured, signed string }{
		{"an escaped slash stays escaped", "https://a.example/x%2Fy", "https://a.example/x%2Fy"},
		{"a lower-case escape stays lower-case", "https://a.example/x%c3%b1", "https://a.example/x%c3%b1"},
		{"an unnecessary escape stays", "https://a.example/%61", "https://a.example/%61"},
		{"a byte that need not be escaped stays", "https://a.example/a!'()*", "https://a.example/a!'()*"},
		{"a byte that should be escaped stays", `https://a.example/a"b`, `https://a.example/a"b`},
		{"a last slash stays", "https://a.example/twilio/", "https://a.example/twilio/"},
		{"a slash that is the whole path stays", "https://a.example/", "https://a.example/"},
		{"a URL without a path gets no path", "https://a.example", "https://a.example"},
		{"a path with a port in it stays", "https://a.example/x:443", "https://a.example/x:443"},
		{"a scheme in upper case is signed in lower case", "HTTPS://a.example/sms", "https://a.example/sms"},
		{"an IPv6 host keeps its brackets", "https://[2001:db8::1]/sms", "https://[2001:db8::1]/sms"},
		{"an IPv6 host is tried with the default port", "https://[2001:db8::1]/sms", "https://[2001:db8::1]:443/sms"},
		{"an IPv6 host is tried without the default port", "https://[2001:db8::1]:443/sms", "https://[2001:db8::1]/sms"},
		{"the end of an IPv6 host is not a port", "https://[2001:db8::443]/sms", "https://[2001:db8::443]:443/sms"},
		{"an IPv6 host keeps another port", "http://[2001:db8::1]:8080/sms", "http://[2001:db8::1]:8080/sms"},
		{"a host outside ASCII stays", "https://españa.example/sms", "https://españa.example/sms"},
	} {
		t.Run(row.name, func(t *testing.T) {
			form := parse(t, published(t, "1").Body)
			signature := macOf(vectorToken, row.signed+signedPublished)
			if !accepts(row.configured, "", signature, form, vectorToken) {
				t.Errorf("%s refused for %s", row.signed, row.configured)
			}
			if accepts(row.configured+"x", "", signature, form, vectorToken) {
				t.Errorf("%s accepted for %sx", row.signed, row.configured)
			}
		})
	}
}

// signedPublished is the signed text of the form of the first vector, as Twilio's documentation gives it.
const signedPublished = "CallSidCA1234567890ABCDECaller+14158675309Digits1234From+14158675309To+18005551212"

func TestVerifyDuringARotation(t *testing.T) {
	v := published(t, "1")
	form := parse(t, v.Body)
	for _, row := range []struct {
		name   string
		tokens []string
		want   bool
	}{
		{"a message signed with the old token is accepted", []string{vectorToken, "new"}, true},
		{"a message signed with the new token is accepted", []string{"old", vectorToken}, true},
		{"an empty token is ignored", []string{"", vectorToken, ""}, true},
		{"a message signed with neither token is refused", []string{"old", "new"}, false},
		{"without tokens, every message is refused", nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := accepts(v.Public, v.Target, v.Signature, form, row.tokens...); got != row.want {
				t.Errorf("accepted: %t, want %t", got, row.want)
			}
		})
	}
}

func TestVerifyTokenOfAnAccount(t *testing.T) {
	const ours, theirs = "AC79c1a2b3c4d5e6f708192a3b4c5d6e7f", "AC00000000000000000000000000000002"
	old, current := twilio.Token{Account: ours, Value: "old"}, twilio.Token{Account: ours, Value: "current"}
	other, common := twilio.Token{Account: theirs, Value: "other"}, twilio.Token{Value: "common"}
	for _, row := range []struct {
		name, account, signedWith string
		tokens                    []twilio.Token
		want                      bool
	}{
		{"the account's token is accepted", ours, "current", []twilio.Token{other, current}, true},
		{"the account's old token is accepted", ours, "old", []twilio.Token{current, old}, true},
		{"another account's token is refused", ours, "other", []twilio.Token{other, current}, false},
		{"the account's token is refused for another account", theirs, "current", []twilio.Token{other, current}, false},
		{"the account's token is refused for a message without an account", "", "current", []twilio.Token{current}, false},
		{"a token without an account is accepted for any account", ours, "common", []twilio.Token{other, common}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			form := parse(t, "AccountSid="+row.account+"&Body=hi")
			signature := macOf(row.signedWith, "https://a.example/smsAccountSid"+row.account+"Bodyhi")
			token, got := twilio.NewVerifier(weburl.Split("https://a.example/sms"), row.tokens).Verify(signature, "",
				form)
			if got != row.want || got && token != row.signedWith {
				t.Errorf("accepted: %t with %q, want %t with %q", got, token, row.want, row.signedWith)
			}
		})
	}
}

func TestSetTokensWhileVerifying(t *testing.T) {
	v := published(t, "14")
	form := parse(t, v.Body)
	shared := twilio.NewVerifier(weburl.Split(v.Signed), tokensOf("old"))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 200 {
				shared.Verify(v.Signature, "", form)
			}
		})
	}
	shared.SetTokens(tokensOf(vectorToken))
	if token, ok := shared.Verify(v.Signature, "", form); !ok || token != vectorToken {
		t.Error("the new token is refused")
	}
	group.Wait()
	if _, ok := shared.Verify(macOf("old", v.Signed+signedPublished), "", form); ok {
		t.Error("the old token is accepted")
	}
}

func TestVerifyWithAnEmptyToken(t *testing.T) {
	form := parse(t, "a=b")
	signature := twilio.Sign("", "https://a.example/sms", form)
	if accepts("https://a.example", "/sms", signature, form, "") {
		t.Error("a signature that anybody can make is accepted")
	}
}

func TestVerifyConcurrently(t *testing.T) {
	v, other := published(t, "1"), published(t, "16")
	shared := twilio.NewVerifier(weburl.Split("https://mycompany.com/myapp.php"), tokensOf("old", vectorToken))
	const query = "?foo=1&bar=2"
	form, otherForm := parse(t, v.Body), parse(t, other.Body)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				_, first := shared.Verify(v.Signature, query, form)
				_, second := shared.Verify(other.Signature, query, otherForm)
				if !first || !second {
					t.Error("a correct signature is refused")
				}
				if _, ok := shared.Verify(v.Signature, query, otherForm); ok {
					t.Error("another form is accepted")
				}
			}
		})
	}
	group.Wait()
}
