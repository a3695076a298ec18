package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"net/url"
	"strings"
	"sync"
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

// Verifier tells requests that Twilio signed from all others. It is safe for concurrent use.
//
// A signature carries no time: whoever has captured a signed request can send it again for ever. Nor does it mark
// where a name ends and its value begins, or where the URL ends. Neither can be helped on this side of the wire.
type Verifier struct {
	bases [][]byte // the public URL as Twilio may have signed it, the likeliest first
	// signers holds *signer. Keying an HMAC costs two blocks of SHA-1 and half a dozen allocations, resetting one next
	// to nothing.
	signers sync.Pool
}

// signer is what one verification needs, kept for the next one.
type signer struct {
	macs []hash.Hash // one a token
	tail []byte      // what is signed after the base
	sum  []byte
	text [signatureLen]byte
}

// NewVerifier returns a Verifier for requests to a public URL under any of the tokens; more than one is for rotation.
// An empty token verifies nothing.
//
// Twilio signs the URL byte for byte as it was configured there. So host and path are taken as they were written,
// upper case, escapes and bytes outside ASCII included, as url.Parse keeps them; it lower-cases the scheme and nothing
// else that matters here. The last slash of the path is dropped, as are user, password, query and fragment: Twilio
// signs neither of the first two nor the last, and the query is the request's. Twilio says that it keeps the port for
// messages, and its libraries try both ways; the port that is the scheme's default is tried both ways here too, another
// one only as it stands.
func NewVerifier(publicURL *url.URL, tokens []string) *Verifier {
	v := &Verifier{bases: bases(publicURL)}
	v.signers.New = func() any { return newSigner(tokens) }
	return v
}

func newSigner(tokens []string) *signer {
	s := &signer{sum: make([]byte, 0, sha1.Size)}
	for _, token := range tokens {
		if token != "" {
			s.macs = append(s.macs, hmac.New(sha1.New, []byte(token)))
		}
	}
	return s
}

// Verify reports whether the signature is Twilio's for a form posted to the given path and query below the public URL.
// Path and query are the request's own bytes: a path that was decoded and encoded again may be another. A missing signature is a wrong one. The comparison takes constant time.
func (v *Verifier) Verify(signature, pathAndQuery string, form Form) bool {
	if len(signature) != signatureLen {
		return false
	}
	s := v.signers.Get().(*signer)
	defer v.signers.Put(s)
	s.tail = form.appendSigned(append(s.tail[:0], pathAndQuery...))
	for _, mac := range s.macs {
		for _, base := range v.bases {
			if s.matches(mac, base, signature) {
				return true
			}
		}
	}
	return false
}

// matches compares the texts, not what they decode to: base64 has several texts for the same bytes.
func (s *signer) matches(mac hash.Hash, base []byte, signature string) bool {
	mac.Reset()
	mac.Write(base)
	mac.Write(s.tail)
	s.sum = mac.Sum(s.sum[:0])
	base64.StdEncoding.Encode(s.text[:], s.sum)
	return subtle.ConstantTimeCompare(s.text[:], []byte(signature)) == 1
}

// bases returns the URL as configured, and once more with the default port when it has none, or without when it has
// that one.
func bases(u *url.URL) [][]byte {
	// Where the path as written is not the one that net/url would write, it stands in RawPath. EscapedPath would pass
	// over it for a byte outside ASCII.
	path := u.RawPath
	if path == "" {
		path = u.EscapedPath()
	}
	path = strings.TrimSuffix(path, "/")
	base := func(host string) []byte { return []byte(u.Scheme + "://" + host + path) }

	host := strings.TrimSuffix(u.Host, ":"+u.Port())
	standard := host + ":" + defaultPort(u.Scheme)
	switch u.Port() {
	case "":
		return [][]byte{base(host), base(standard)}
	case defaultPort(u.Scheme):
		return [][]byte{base(standard), base(host)}
	}
	return [][]byte{base(u.Host)}
}

func defaultPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}
