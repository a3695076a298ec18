package twilio_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/twilio/twilio-go/client"

	"smsession/internal/twilio"
)

// FuzzVerifyAgainstTwilioGo asks twilio-go's validator about every signature too. Both must take a genuine one, under
// any spelling of the port that Twilio may have signed, and refuse one over anything else.
//
// The inputs keep to where twilio-go (v1.31.0) is right: no repeated names (it signs the first value only), no bare
// semicolon (it refuses the form), no bodySHA256 in the query (it ignores the form), no fragment, user, IPv6 host or
// URL that net/url would write otherwise (it signs them wrongly). It also takes a signature without the port where
// another than the default is configured; ours does not, and such signatures are not made here.
func FuzzVerifyAgainstTwilioGo(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(vectorToken, "mycompany.com", "myapp.php", "foo=1&bar=2", []byte(v.Body), []byte("a=b"), uint16(0), uint8(0))
	}
	for pick := range uint8(32) {
		f.Add("a", "x", "sms", "", []byte(capturedBody), []byte("Body=other"), uint16(pick), pick)
	}
	f.Fuzz(func(t *testing.T, token, host, path, query string, body, other []byte, place uint16, pick uint8) {
		r := newSignedRequest(token, host, path, query, body, place)
		if !r.inDomain() {
			t.Skip("twilio-go is not right here")
		}
		if r.broken() {
			r.expect(t, macOf(r.token, r.spelling(pick)), false)
			return
		}
		text := r.signed()
		r.expect(t, macOf(r.token, r.spelling(pick)+text), true)
		r.expect(t, r.forge(pick, text, unrepeated(other)), false)
	})
}

// signedRequest is a request to a public URL, as both validators get it.
type signedRequest struct {
	token, scheme, host, port, target, body string
}

func newSignedRequest(token, host, path, query string, body []byte, place uint16) signedRequest {
	r := signedRequest{
		token:  token + "t", // never empty
		scheme: [...]string{"https", "http"}[place&1],
		host:   spell(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") + "x",
		port:   [...]string{"", ":443", ":80", ":" + strconv.Itoa(1+int(place>>3))}[place>>1&3],
		target: "/" + spell(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/"),
		body:   unrepeated(body),
	}
	if place&8 != 0 {
		r.target += "%2f%C3%b1"
	}
	if query != "" {
		r.target += "?" + strings.Map(queryByte, query)
	}
	return r
}

// spell writes a fuzzed text in an alphabet. The text stays as it is where it is in the alphabet.
func spell(text, alphabet string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(alphabet, r) {
			return r
		}
		return rune(alphabet[int(r)%len(alphabet)])
	}, text)
}

// queryByte drops what cannot come in a query: a fragment, and what ends a request line.
func queryByte(r rune) rune {
	if r == '#' || r <= ' ' || r == 0x7f {
		return -1
	}
	return r
}

// unrepeated returns a body with the first parameter of every name, and without bare semicolons.
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

func (r signedRequest) inDomain() bool {
	whole := r.public() + r.target
	u, err := url.Parse(whole)
	return err == nil && u.String() == whole && !u.Query().Has("bodySHA256") && strings.Count(r.body, "&") < 5000
}

func (r signedRequest) broken() bool {
	values, err := url.ParseQuery(r.body)
	return err != nil || beyondTwilio(r.body, values)
}

// signed is the signed text of a form that is not broken.
func (r signedRequest) signed() string {
	values, _ := url.ParseQuery(r.body)
	return signedText(values)
}

// spelling is the URL as Twilio may have signed it: with or without the default port, another port as configured.
func (r signedRequest) spelling(pick uint8) string {
	standard := map[string]string{"https": ":443", "http": ":80"}[r.scheme]
	if r.port != "" && r.port != standard {
		return r.public() + r.target
	}
	return r.scheme + "://" + r.host + []string{"", standard}[pick&1] + r.target
}

// forge makes a signature that is over something else than the request, by one of several changes.
func (r signedRequest) forge(pick uint8, text, other string) string {
	spelling := r.spelling(pick)
	genuine := macOf(r.token, spelling+text)
	switch pick >> 1 & 7 {
	case 0:
		return macOf("x"+r.token, spelling+text)
	case 1:
		return macOf(r.token, strings.Replace(spelling, "://", "://www.", 1)+text)
	case 2:
		return macOf(r.token, map[string]string{"https": "http", "http": "https"}[r.scheme]+strings.TrimPrefix(spelling, r.scheme)+text)
	case 3:
		return macOf(r.token, spelling+text+"\x00")
	case 4:
		return genuine[:len(genuine)-1]
	case 5:
		return changeByte(genuine, int(pick>>4)*2)
	case 6:
		return ""
	}
	form := signedRequest{body: other}
	if form.broken() || form.signed() == text {
		return macOf(r.token, spelling+text+"x")
	}
	return macOf(r.token, spelling+form.signed())
}

// changeByte changes one bit of a text.
func changeByte(text string, at int) string {
	b := []byte(text)
	b[at%len(b)] ^= 1
	return string(b)
}

func (r signedRequest) expect(t *testing.T, signature string, want bool) {
	t.Helper()
	oracle := client.NewRequestValidator(r.token)
	if got := oracle.ValidateBody(r.public()+r.target, []byte(r.body), signature); got != want {
		t.Fatalf("twilio-go accepts: %t, want %t (%+v, %s)", got, want, r, signature)
	}
	form, err := twilio.ParseForm([]byte(r.body))
	got := err == nil && accepts(r.public(), r.target, signature, form, r.token)
	if got != want {
		t.Fatalf("ours accepts: %t, want %t (%+v, %s)", got, want, r, signature)
	}
	if (err != nil) != r.broken() {
		t.Fatalf("ours reads the form with error %v", err)
	}
}
