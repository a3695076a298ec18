package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strings"
	"sync"
	"sync/atomic"
)

// signatureLen is the length of 20 bytes of SHA-1 in base64: 28.
const signatureLen = (sha1.Size + 2) / 3 * 4

// Sign returns the X-Twilio-Signature of a form that is posted to a URL, under an auth token: the base64 of the
// HMAC-SHA1 over the URL and the sorted parameters. The URL is signed as it stands; Twilio itself drops its fragment
// and its user and password first.
//
// See https://www.twilio.com/docs/usage/security#validating-requests.
func Sign(token, url string, form Form) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write(form.appendSigned([]byte(url)))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Token is an auth token that Twilio signs with.
type Token struct {
	Account string // the SID of the one account whose requests it signs; "" for any account
	Value   string
}

// Verifier checks that Twilio signed a request to one URL. It is safe for concurrent use.
//
// A signature carries no time, so anyone who has captured a signed request can send it again. It also has no borders
// between names and values, or between the URL and the first name, so the same signature is valid for the same text cut
// into other parameters. Neither can be changed on this side.
type Verifier struct {
	urls    [][]byte                  // the spellings of the URL that Twilio may have signed, the likeliest first
	signers atomic.Pointer[sync.Pool] // of *signer; keying an HMAC costs more than using it
}

// signer holds what one verification needs. It is kept for the next one.
type signer struct {
	keys []key
	tail []byte // the signed text after the URL
	sum  []byte
	text [signatureLen]byte
}

// key is a token and its keyed HMAC.
type key struct {
	Token
	mac hash.Hash
}

// NewVerifier returns a Verifier for requests to configuredURL, the URL that Twilio has been told, without user,
// password, query and fragment. Twilio signs it byte for byte as it was configured there, so nothing in it is decoded or
// normalised but the case of the scheme. Twilio says that it keeps the port for messages, and its libraries accept both
// spellings: the scheme's default port is accepted with and without, any other port only as configured.
func NewVerifier(configuredURL string, tokens []Token) *Verifier {
	v := &Verifier{urls: spellings(configuredURL)}
	v.SetTokens(tokens)
	return v
}

// SetTokens replaces the tokens. A verification that has begun still uses the old ones. The Verifier keeps the slice. An
// empty token verifies nothing.
func (v *Verifier) SetTokens(tokens []Token) {
	v.signers.Store(&sync.Pool{New: func() any { return newSigner(tokens) }})
}

func newSigner(tokens []Token) *signer {
	s := &signer{sum: make([]byte, 0, sha1.Size)}
	for _, token := range tokens {
		if token.Value != "" {
			s.keys = append(s.keys, key{token, hmac.New(sha1.New, []byte(token.Value))})
		}
	}
	return s
}

// Verify reports whether the signature is Twilio's for a form that was posted to the URL, and returns the token that it
// was made with. query is the request's own query, byte for byte and with its question mark, or empty. A token of
// another account than the form's AccountSid is not tried. A missing signature is a wrong one. The comparison takes
// constant time.
func (v *Verifier) Verify(signature, query string, form Form) (token string, ok bool) {
	if len(signature) != signatureLen {
		return "", false
	}
	signers := v.signers.Load()
	s := signers.Get().(*signer)
	defer signers.Put(s)
	s.tail = form.appendSigned(append(s.tail[:0], query...))
	account := form.Get("AccountSid")
	for _, key := range s.keys {
		if key.Account != "" && key.Account != account {
			continue
		}
		for _, url := range v.urls {
			if s.matches(key.mac, url, signature) {
				return key.Value, true
			}
		}
	}
	return "", false
}

// matches compares the texts, not what they decode to: base64 has several texts for the same bytes.
func (s *signer) matches(mac hash.Hash, url []byte, signature string) bool {
	mac.Reset()
	mac.Write(url)
	mac.Write(s.tail)
	s.sum = mac.Sum(s.sum[:0])
	base64.StdEncoding.Encode(s.text[:], s.sum)
	return subtle.ConstantTimeCompare(s.text[:], []byte(signature)) == 1
}

// spellings returns the URL as configured, and also with the default port if it has none, or without it if it has that
// one.
func spellings(configuredURL string) [][]byte {
	scheme, rest, _ := strings.Cut(configuredURL, "://")
	scheme = strings.ToLower(scheme)
	host, path := rest, ""
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		host, path = rest[:slash], rest[slash:]
	}
	spelling := func(host string) []byte { return []byte(scheme + "://" + host + path) }

	defaultPort := map[string]string{"http": ":80", "https": ":443"}[scheme]
	bare, hasDefault := strings.CutSuffix(host, defaultPort)
	switch hasPort := strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']'); {
	case !hasPort:
		return [][]byte{spelling(host), spelling(host + defaultPort)}
	case hasDefault:
		return [][]byte{spelling(host), spelling(bare)}
	}
	return [][]byte{spelling(host)}
}
