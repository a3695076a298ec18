package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"hash"
	"sync"
	"sync/atomic"

	"smsession/internal/conversation"
	"smsession/internal/weburl"
)

// Sign returns the X-Twilio-Signature for a form that is posted to a URL, with an auth token: the base64 of the
// HMAC-SHA1 of the URL and the sorted parameters. Sign uses the URL unchanged. Twilio itself first removes the
// fragment, the user and the password from a URL. Sign does not check the URL or the token, which may be empty.
//
// See https://www.twilio.com/docs/usage/security#validating-requests.
func Sign(token, url string, form Form) string { return new(Signer).Sign(token, url, form) }

// Signer signs as Sign does, and keeps what it has computed for its last tokens, because a new HMAC costs more than a
// signature. The zero Signer can be used. It is safe for concurrent use.
type Signer struct{ signers sync.Pool } // of *signer

// Sign returns the result of the function Sign.
func (s *Signer) Sign(token, url string, form conversation.Form) string {
	last, _ := s.signers.Get().(*signer)
	if last == nil || last.Value != token {
		last = newSigner(Token{Value: token})
	}
	defer s.signers.Put(last)
	return string(last.sign(url, "", form))
}

// signer signs with one token. It is not safe for concurrent use.
type signer struct {
	Token
	mac       hash.Hash
	text      []byte // the signed text; its memory is used again for the next signature
	sum       [sha1.Size]byte
	signature [28]byte // the base64 of sum
}

func newSigner(token Token) *signer {
	return &signer{
		Token: token, mac: hmac.New(sha1.New, []byte(token.Value)),
		text: make([]byte, 0, 1024), // enough for the usual message
	}
}

// sign returns a signature that is valid until the next call.
func (s *signer) sign(url, query string, form conversation.Form) []byte {
	s.text = form.AppendSigned(append(append(s.text[:0], url...), query...))
	s.mac.Reset()
	s.mac.Write(s.text)
	base64.StdEncoding.Encode(s.signature[:], s.mac.Sum(s.sum[:0]))
	return s.signature[:]
}

// Verifier checks that Twilio signed a request to one URL. It is safe for concurrent use.
//
// A signature contains no time, so anyone who has captured a signed request can send it again. The signed text also has
// no separators between names and values, or between the URL and the first name. A signature is therefore also valid
// for other parameters that make the same text. The service cannot change this.
type Verifier struct {
	urls    []string                  // the spellings of the URL that Twilio may have signed, the likeliest first
	signers atomic.Pointer[sync.Pool] // of []*signer, one for each token; a new HMAC costs more than a signature
}

// NewVerifier returns a Verifier for requests to the URL that is configured at Twilio. It accepts each of the URL's
// Spellings. The URL must be set. Without tokens, the Verifier refuses every request.
func NewVerifier(configured weburl.URL, tokens Tokens) *Verifier {
	v := &Verifier{urls: configured.Spellings()}
	v.SetTokens(tokens)
	return v
}

// SetTokens replaces the tokens. A verification that has begun still uses the old ones. The Verifier keeps the slice,
// so the caller must not change it. An empty token verifies nothing.
func (v *Verifier) SetTokens(tokens Tokens) {
	v.signers.Store(&sync.Pool{New: func() any {
		var signers []*signer
		for _, token := range tokens {
			if token.Value != "" {
				signers = append(signers, newSigner(token))
			}
		}
		return &signers
	}})
}

// Verify reports whether Twilio signed a form that was posted to the URL, and returns the token of the signature, which
// tells which account signed. query is the query of the request, byte for byte and with its question mark, or "".
// Verify skips a token for another account than the form's AccountSid. A missing signature counts as a wrong signature.
// The comparison takes constant time.
func (v *Verifier) Verify(signature, query string, form Form) (token string, ok bool) {
	pool := v.signers.Load()
	signers := pool.Get().(*[]*signer)
	defer pool.Put(signers)
	account := form.Get("AccountSid")
	for _, signer := range *signers {
		if signer.Account != "" && signer.Account != account {
			continue
		}
		for _, url := range v.urls {
			// The texts are compared, not the bytes that they encode: base64 has several texts for the same bytes.
			if hmac.Equal(signer.sign(url, query, form), []byte(signature)) {
				return signer.Value, true
			}
		}
	}
	return "", false
}
