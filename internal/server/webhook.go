package server

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"smsession/internal/conversation"
	"smsession/internal/session"
	"smsession/internal/twilio"
)

const (
	// maxBody is far above what Twilio sends: 20 to 40 parameters and at most 1,600 characters.
	maxBody   = 64 << 10
	usualBody = 4 << 10

	webhookRoute  = "/sms"
	fallbackRoute = "/sms/fallback"

	formType  = "application/x-www-form-urlencoded"
	twimlType = "text/xml; charset=utf-8"

	// apology is all that a sender hears when the session cannot be had at the fallback URL either.
	apology = "Sorry, we could not take your message just now. Please send it again in a few minutes."
)

// What the log and the metrics call what became of a request, where the session has no word for it.
const (
	receiptResult = "receipt" // a delivery receipt, which is no message
	apologyResult = "apology"
	// keywordFailed is the result of STOP, START or HELP at the fallback URL when the session could not be had. Nothing
	// is sent, because the person may have just opted out.
	keywordFailed = "keyword_failed"
)

// message is the message of an admitted request, and where the session's report goes.
func message(ctx context.Context) (conversation.Message, *session.Report) {
	x := exchangeFrom(ctx)
	return x.message, &x.report
}

// admit returns a middleware that passes a request on only if verifier accepts it and it is a message for the
// conversation. The order of the checks is part of the contract.
func (s *Server) admit(verifier *twilio.Verifier) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			form, refused := s.verified(verifier, r)
			connFrom(r.Context()).checked(refused == 0 || refused == otherAccount)
			if refused != 0 {
				refuse(w, r, refused)
				return
			}
			s.take(w, r, form, next)
		})
	}
}

// verify checks whether the form is signed by Twilio, for an account of ours.
func (s *Server) verify(verifier *twilio.Verifier, r *http.Request, form twilio.Form) refusal {
	_, signed := verifier.Verify(r.Header.Get("X-Twilio-Signature"), query(r), form)
	switch {
	case !signed:
		return badSignature
	case len(s.AccountSIDs) > 0 && !slices.Contains(s.AccountSIDs, form.Get("AccountSid")):
		return otherAccount
	}
	return 0
}

// take answers a verified request, or passes it to the session.
func (s *Server) take(w http.ResponseWriter, r *http.Request, form twilio.Form, session http.Handler) {
	x := exchangeFrom(r.Context())
	if form.IsReceipt() {
		x.result = receiptResult
		writeTwiML(w, nil)
		return
	}
	msg, err := twilio.ParseMessage(form)
	if err != nil {
		refuseWith(w, r, badFields, sentence(err))
		return
	}
	x.message = conversation.Message{SID: msg.SID, From: msg.From, To: msg.To, Body: msg.Body}
	x.keyword = msg.Keyword(s.OptOut)
	if x.keyword == twilio.KeywordStart || x.keyword == twilio.KeywordHelp {
		// Twilio has answered. These neither begin, count in nor renew a session.
		x.result = x.keyword.String()
		writeTwiML(w, nil)
		return
	}
	session.ServeHTTP(w, r)
}

// sentence makes an error's text one.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// verified returns the form of a request that is Twilio's and our account's. Reading the body needs no slot. Parsing
// and verifying need one, so that a flood takes little more memory than its bodies. Large bodies have slots of their
// own, so that Twilio's messages do not wait behind them.
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
	case <-connFrom(r.Context()).done(): // the body is no longer counted
		return twilio.Form{}, unreadable
	}
	form, err := twilio.ParseForm(body)
	if err != nil {
		return twilio.Form{}, badForm
	}
	return form, s.verify(verifier, r, form)
}

// isForm takes the type with and without a charset: Twilio sends it without.
func isForm(contentType string) bool {
	if contentType == formType {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == formType
}

func isPlain(encoding string) bool { return encoding == "" || encoding == "identity" }

// readBody reads the body into a buffer that grows with what has come, whatever length the head announces: most
// of Twilio's bodies fit the first. Its size counts as the connection's until the request is verified. net/http reports a
// body that ends early as another error than io.EOF.
func readBody(r *http.Request) ([]byte, refusal) {
	if r.ContentLength > maxBody {
		return nil, tooLarge
	}
	most := maxBody + 1 // the last byte tells that a body whose length is not announced is too large
	if r.ContentLength >= 0 {
		most = int(r.ContentLength)
	}
	c := connFrom(r.Context())
	var body []byte
	for err := error(nil); err != io.EOF && len(body) < most; {
		if len(body) == cap(body) {
			size := min(max(2*cap(body), usualBody), most)
			c.hold(size - cap(body))
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

// query returns the request's query as it came, with its question mark. Of the request's URL, only the query is used to
// check the signature. The rest of the URL is the configured one.
func query(r *http.Request) string {
	if r.URL.RawQuery == "" && !r.URL.ForceQuery {
		return ""
	}
	return "?" + r.URL.RawQuery
}

// answer lets the session answer the message. It may run several times for one request.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	writeTwiML(w, s.Sessions.Answer(r.Context(), exchangeFrom(r.Context()).keyword == twilio.KeywordStop))
}

func writeTwiML(w http.ResponseWriter, reply conversation.Reply) {
	w.Header().Set("Content-Type", twimlType)
	_, _ = w.Write(twilio.AppendTwiML(make([]byte, 0, 192), reply))
}

// unavailable answers a message whose session cannot be had. Twilio then goes to the fallback URL.
func (s *Server) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	exchangeFrom(r.Context()).err = err
	switch {
	case errors.Is(err, session.ErrBusy):
		refuse(w, r, busy)
	case errors.Is(err, session.ErrNewer):
		refuse(w, r, newer)
	case errors.Is(err, session.ErrGone):
		refuse(w, r, clientGone)
	default:
		refuse(w, r, unavailable)
	}
}

// apologise answers at the fallback URL, which is the last URL that Twilio tries. STOP, START and HELP get no apology:
// Twilio has already answered them, and a sender who has opted out must not get another text. A client that has hung up
// gets none either.
func (s *Server) apologise(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, session.ErrGone) {
		s.unavailable(w, r, err)
		return
	}
	x := exchangeFrom(r.Context())
	x.err, x.failed = err, true
	if x.keyword != twilio.KeywordNone {
		x.result = keywordFailed
		writeTwiML(w, nil)
		return
	}
	x.result = apologyResult
	writeTwiML(w, conversation.Reply{apology})
}
