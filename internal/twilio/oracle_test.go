package twilio_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/twilio/twilio-go/client"

	"smsession/internal/twilio"
)

// FuzzVerifyAgainstTwilioGo compares the Verifier with twilio-go's validator. Both must accept a correct signature,
// with either spelling of the port that Twilio may have signed. Both must refuse a signature of any other text.
//
// The inputs avoid the cases that twilio-go (v1.31.0) gets wrong:
//   - repeated names: it signs only the first value;
//   - a bare semicolon: it refuses the form;
//   - a form that Twilio never sends, such as a parameter without a name: it need not refuse the form;
//   - bodySHA256 in the query: it ignores the form;
//   - a fragment, a user, an IPv6 host, or a URL that net/url would write differently: it signs another URL;
//   - a configured port that is not the default: it also accepts a signature without the port.
func FuzzVerifyAgainstTwilioGo(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(vectorToken, "mycompany.com", "myapp.php", "foo=1&bar=2", []byte(v.Body), []byte("a=b"), uint16(0),
			uint8(0))
	}
	for pick := range uint8(32) {
		f.Add("a", "x", "sms", "", []byte(capturedBody), []byte("Body=other"), uint16(pick), pick)
	}
	f.Fuzz(func(t *testing.T, token, host, path, query string, body, other []byte, variant uint16, pick uint8) {
		r := newSignedRequest(token, host, path, query, body, variant)
		if !r.isComparable() {
			t.Skip("twilio-go gets this case wrong")
		}
		if r.broken() {
			r.expectOurs(t, macOf(r.token, r.spelling(pick)), false)
			return
		}
		text := r.signed()
		r.expect(t, macOf(r.token, r.spelling(pick)+text), true)
		r.expect(t, r.forge(pick, text, unrepeated(other)), false)
	})
}

// signedRequest is a request that both validators check.
type signedRequest struct {
	token, scheme, host, port, target, body string
}

func newSignedRequest(token, host, path, query string, body []byte, variant uint16) signedRequest {
	r := signedRequest{
		token:  token + "t", // never empty
		scheme: [...]string{"https", "http"}[variant&1],
		host:   toAlphabet(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") + "x",
		port:   [...]string{"", ":443", ":80", ":" + strconv.Itoa(1+int(variant>>3))}[variant>>1&3],
		target: "/" + toAlphabet(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/"),
		body:   unrepeated(body),
	}
	if variant&8 != 0 {
		r.target += "%2f%C3%b1"
	}
	if query != "" {
		r.target += "?" + strings.Map(queryByte, query)
	}
	return r
}

// toAlphabet replaces the characters of a fuzzed text that are not in the alphabet.
func toAlphabet(text, alphabet string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(alphabet, r) {
			return r
		}
		return rune(alphabet[int(r)%len(alphabet)])
	}, text)
}

// queryByte drops the characters that a query cannot contain: those of a fragment, and those that end a request line.
func queryByte(r rune) rune {
	if r == '#' || r <= ' ' || r == 0x7f {
		return -1
	}
	return r
}

// unrepeated returns a body that has only the first parameter of every name, and no bare semicolons.
func unrepeated(body []byte) string {
	seen := map[string]bool{}
	var pieces []string
	for piece := range strings.SplitSeq(strings.ReplaceAll(string(body), ";", ":"), "&") {
		name, _, _ := strings.Cut(piece, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		if piece == "" || !seen[name] {
			pieces = append(pieces, piece)
			seen[name] = piece != "" || seen[name]
		}
	}
	return strings.Join(pieces, "&")
}

func (r signedRequest) public() string { return r.scheme + "://" + r.host + r.port }

// isComparable reports whether twilio-go handles the request correctly.
func (r signedRequest) isComparable() bool {
	whole := r.public() + r.target
	u, err := url.Parse(whole)
	return err == nil && u.String() == whole && !u.Query().Has("bodySHA256") && strings.Count(r.body, "&") < 5000
}

// broken reports whether the form must be refused.
func (r signedRequest) broken() bool {
	values, err := url.ParseQuery(r.body)
	return err != nil || neverSent(r.body, values)
}

// signed returns the part of the signed text that comes from the form. The form is not broken.
func (r signedRequest) signed() string {
	values, _ := url.ParseQuery(r.body)
	return signedText(values)
}

// spelling returns the URL as Twilio may have signed it: with or without the default port, and with any other port as
// configured.
func (r signedRequest) spelling(pick uint8) string {
	standard := map[string]string{"https": ":443", "http": ":80"}[r.scheme]
	if r.port != "" && r.port != standard {
		return r.public() + r.target
	}
	return r.scheme + "://" + r.host + []string{"", standard}[pick&1] + r.target
}

// forge returns a wrong signature for the request. pick selects the fault of the signature.
func (r signedRequest) forge(pick uint8, text, other string) string {
	spelling := r.spelling(pick)
	genuine := macOf(r.token, spelling+text)
	switch pick >> 1 & 7 {
	case 0:
		return macOf("x"+r.token, spelling+text)
	case 1:
		return macOf(r.token, strings.Replace(spelling, "://", "://www.", 1)+text)
	case 2:
		return macOf(r.token, map[string]string{"https": "http", "http": "https"}[r.scheme]+strings.TrimPrefix(spelling,
			r.scheme)+text)
	case 3:
		return macOf(r.token, spelling+text+"\x00")
	case 4:
		return genuine[:len(genuine)-1]
	case 5:
		return changeBit(genuine, int(pick>>4)*2)
	case 6:
		return ""
	}
	form := signedRequest{body: other}
	if form.broken() || form.signed() == text {
		return macOf(r.token, spelling+text+"x")
	}
	return macOf(r.token, spelling+form.signed())
}

// changeBit changes one bit of a text.
func changeBit(text string, at int) string {
	b := []byte(text)
	b[at%len(b)] ^= 1
	return string(b)
}

func (r signedRequest) expect(t *testing.T, signature string, want bool) {
	t.Helper()
	oracle := client.NewRequestValidator(r.token)
	if got := oracle.ValidateBody(r.public()+r.target, []byte(r.body), signature); got != want {
		t.Fatalf("twilio-go accepts it: %t, want %t (%+v, %s)", got, want, r, signature)
	}
	r.expectOurs(t, signature, want)
}

func (r signedRequest) expectOurs(t *testing.T, signature string, want bool) {
	t.Helper()
	form, err := twilio.ParseForm([]byte(r.body))
	got := err == nil && accepts(r.public(), r.target, signature, form, r.token)
	if got != want {
		t.Fatalf("the Verifier accepts it: %t, want %t (%+v, %s)", got, want, r, signature)
	}
	if (err != nil) != r.broken() {
		t.Fatalf("the error of ParseForm is %v", err)
	}
}
