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
	"smsession/internal/server/connlimit"
	"smsession/internal/session"
	"smsession/internal/twilio"
)

const (
	// maxBody is the size in bytes of the largest body. Twilio sends far less: 20 to 40 parameters and at most 1,600
	// characters of text.
	maxBody   = 64 << 10
	usualBody = 4 << 10

	webhookRoute  = "/sms"
	fallbackRoute = "/sms/fallback"

	formType  = "application/x-www-form-urlencoded"
	twimlType = "text/xml; charset=utf-8"

	// apology is the reply if the session cannot be loaded or saved at the fallback URL either.
	apology = "Sorry, we could not take your message just now. Please send it again in a few minutes."
)

// The results of requests that do not get their result from the session. The log and the metrics use these words.
const (
	receiptResult = "receipt" // a delivery receipt, which is not a message
	apologyResult = "apology"
	// keywordFailed is the result of STOP, START or HELP at the fallback URL if the session could not be loaded or
	// saved. Nothing is sent, because the person may have just opted out.
	keywordFailed = "keyword_failed"
)

// message returns the message of an admitted request, and the report that the session fills in.
func message(ctx context.Context) (conversation.Message, *session.Report) {
	x := exchangeFrom(ctx)
	return x.message, &x.report
}

// admit returns a middleware that passes a request on only if verifier accepts it and it is a message for the
// conversation. The order of the checks is part of the API.
func (s *Server) admit(verifier *twilio.Verifier) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			form, refused := s.verified(verifier, r)
			connlimit.FromContext(r.Context()).Checked(refused == 0 || refused == otherAccount)
			if refused != 0 {
				refuse(w, r, refused)
				return
			}
			s.take(w, r, form, next)
		})
	}
}

// verify checks whether Twilio signed the form and whether the message belongs to one of the configured accounts.
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

// take answers a receipt, a malformed message, START and HELP. It passes every other verified request to the session.
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
		// Twilio has already answered START and HELP. They do not begin or renew a session, and they are not counted.
		x.result = string(x.keyword)
		writeTwiML(w, nil)
		return
	}
	session.ServeHTTP(w, r)
}

// sentence returns the text of an error as a sentence.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
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
	return form, s.verify(verifier, r, form)
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

// answer writes the session's reply to the message. It may run several times for one request.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	writeTwiML(w, s.Sessions.Answer(r.Context(), exchangeFrom(r.Context()).keyword == twilio.KeywordStop))
}

func writeTwiML(w http.ResponseWriter, reply conversation.Reply) {
	w.Header().Set("Content-Type", twimlType)
	_, _ = w.Write(twilio.AppendTwiML(make([]byte, 0, 192), reply))
}

// unavailable answers a message whose session cannot be loaded or saved. Twilio then sends the message to the fallback
// URL.
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
// gets no apology either.
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
