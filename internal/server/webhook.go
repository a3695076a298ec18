package server

import (
	"io"
	"mime"
	"net/http"
	"slices"

	"smsession/internal/conversation"
	"smsession/internal/server/connlimit"
	"smsession/internal/session"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

const (
	webhookRoute  = weburl.WebhookPath
	fallbackRoute = weburl.FallbackPath

	// maxBody is the size in bytes of the largest body. Twilio sends far less: 20 to 40 parameters and at most 1,600
	// characters of text.
	maxBody   = 64 << 10
	usualBody = 4 << 10

	formType = "application/x-www-form-urlencoded"
)

// admit returns a middleware that calls next for a message of a verified request. It answers every other request, and
// also START and HELP, which Twilio has already answered: they do not begin or renew a session, and they are not
// counted. The order of the checks is part of the API.
func (s *Server) admit(verifier *twilio.Verifier) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			form, refused := s.verified(verifier, r)
			if refused == 0 || refused == otherAccount {
				connlimit.FromContext(r.Context()).Signed()
			}
			if refused != 0 {
				s.refuse(w, r, refused)
				return
			}
			if form.IsReceipt() {
				s.finish(w, r, twiml(receiptResult, conversation.Reply{}))
				return
			}
			msg, err := twilio.ParseMessage(form)
			if err != nil {
				s.finish(w, r, malformed(err))
				return
			}
			keyword := msg.Keyword(s.OptOut)
			r = r.WithContext(session.WithIncoming(r.Context(), session.Incoming{
				Message:  conversation.Message{SID: msg.SID, From: msg.From, To: msg.To, Body: msg.Body},
				Ends:     keyword == twilio.KeywordStop,
				Received: receivedFrom(r.Context()),
			}))
			defer s.recoverPanic(w, r)
			if keyword == twilio.KeywordStart || keyword == twilio.KeywordHelp {
				s.finish(w, r, twiml(string(keyword), conversation.Reply{}))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// verified reads and verifies the form of a request. A request needs no slot while its body is read. It needs a slot to
// be parsed and verified, so that a flood takes little more memory than its bodies. Large bodies have their own slots,
// so that Twilio's messages do not wait behind them.
func (s *Server) verified(verifier *twilio.Verifier, r *http.Request) (twilio.Form, refusal) {
	if !isForm(r.Header.Get("Content-Type")) || !isPlain(r.Header.Get("Content-Encoding")) {
		return twilio.Form{}, notForm
	}
	body, refused := readBody(r)
	if refused != 0 {
		return twilio.Form{}, refused
	}
	slots := s.slots
	if len(body) > usualBody {
		slots = s.largeSlots
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-connlimit.FromContext(r.Context()).Ended(): // the body is no longer counted
		return twilio.Form{}, unreadable
	}
	form, err := twilio.ParseForm(body)
	if err != nil {
		return twilio.Form{}, badForm
	}
	_, isSigned := verifier.Verify(r.Header.Get("X-Twilio-Signature"), query(r), form)
	switch {
	case !isSigned:
		return form, badSignature
	case len(s.AccountSIDs) > 0 && !slices.Contains(s.AccountSIDs, form.Get("AccountSid")):
		return form, otherAccount
	}
	return form, 0
}

// isForm reports whether contentType is the type of a form, with or without a charset. Twilio sends it without a
// charset.
func isForm(contentType string) bool {
	if contentType == formType {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == formType
}

func isPlain(encoding string) bool { return encoding == "" || encoding == "identity" }

// readBody reads the body into a buffer that grows as the body arrives, because the length that the head announces can
// be false. Most of Twilio's bodies fit the first buffer. The size of the buffer counts for the connection until the
// request is verified. For a body that ends early, net/http returns another error than io.EOF.
func readBody(r *http.Request) ([]byte, refusal) {
	if r.ContentLength > maxBody {
		return nil, tooLarge
	}
	most := maxBody + 1 // the last byte shows that a body without an announced length is too large
	if r.ContentLength >= 0 {
		most = int(r.ContentLength)
	}
	c := connlimit.FromContext(r.Context())
	var body []byte
	for err := error(nil); err != io.EOF && len(body) < most; {
		if len(body) == cap(body) {
			size := min(max(2*cap(body), usualBody), most)
			c.Grow(size - cap(body))
			body = append(make([]byte, 0, size), body...)
		}
		var n int
		n, err = r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err != nil && err != io.EOF {
			return nil, unreadable
		}
	}
	if len(body) > maxBody {
		return nil, tooLarge
	}
	return body, 0
}

// query returns the unchanged query of the request, with its question mark. The signature is checked with this query
// and with the configured URL. The rest of the request's URL is not used.
func query(r *http.Request) string {
	if r.URL.RawQuery == "" && !r.URL.ForceQuery {
		return ""
	}
	return "?" + r.URL.RawQuery
}
