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

// signatureLen is the length of a SHA-1 hash, which has 20 bytes, in base64: 28.
const signatureLen = (sha1.Size + 2) / 3 * 4

// Sign returns the X-Twilio-Signature for a form that is posted to a URL, with an auth token: the base64 of the
// HMAC-SHA1 of the URL and the sorted parameters. Sign uses the URL unchanged. Twilio itself first removes the
// fragment, the user and the password from a URL.
//
// See https://www.twilio.com/docs/usage/security#validating-requests.
func Sign(token, url string, form Form) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write(form.appendSigned([]byte(url)))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Token is an auth token that Twilio signs with.
type Token struct {
	Account string // the SID of the account whose requests the token signs; "" for any account
	Value   string
}

// Verifier checks that Twilio signed a request to one URL. It is safe for concurrent use.
//
// A signature contains no time, so anyone who has captured a signed request can send it again. The signed text also has
// no separators between names and values, or between the URL and the first name. The same signature is therefore valid
// for the same text that is cut into other parameters. The service cannot change this.
type Verifier struct {
	urls    [][]byte                  // the spellings of the URL that Twilio may have signed, the likeliest first
	signers atomic.Pointer[sync.Pool] // of *signer; keying an HMAC costs more than using it
}

// signer contains the buffers and keys of one verification. The next verification uses them again.
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

// NewVerifier returns a Verifier for requests to configuredURL. This is the URL that is configured at Twilio, without
// user, password, query and fragment. Twilio signs the configured URL byte for byte, so NewVerifier changes only the
// case of the scheme. Twilio's documentation states that it keeps the port for messages, and Twilio's libraries accept
// both spellings. The default port of the scheme may therefore be present or absent. Any other port must be as
// configured.
func NewVerifier(configuredURL string, tokens []Token) *Verifier {
	v := &Verifier{urls: spellings(configuredURL)}
	v.SetTokens(tokens)
	return v
}

// SetTokens replaces the tokens. A verification that has begun still uses the old ones. The Verifier keeps the slice,
// so the caller must not change it. An empty token verifies nothing.
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

// Verify reports whether Twilio signed a form that was posted to the URL, and returns the token of the signature. query
// is the query of the request, byte for byte and with its question mark, or "". Verify skips a token for another
// account than the form's AccountSid. A missing signature counts as a wrong signature. The comparison takes constant
// time.
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

// matches reports whether the signature is the expected text. It does not compare the decoded bytes, because base64 has
// several texts for the same bytes.
func (s *signer) matches(mac hash.Hash, url []byte, signature string) bool {
	mac.Reset()
	mac.Write(url)
	mac.Write(s.tail)
	s.sum = mac.Sum(s.sum[:0])
	base64.StdEncoding.Encode(s.text[:], s.sum)
	return subtle.ConstantTimeCompare(s.text[:], []byte(signature)) == 1
}

// spellings returns the configured URL first. If the URL has no port, the second spelling has the default port. If the
// URL has the default port, the second spelling has no port.
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
