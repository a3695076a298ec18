package server

import (
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
)

// admit returns a middleware that calls next for a message of a verified request. It answers every other request, and
// also START and HELP, which Twilio has already answered: they do not begin or renew a session, and they are not
// counted. The order of the checks is part of the API.
func (s *Server) admit(verifier *twilio.Verifier) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			form, refused := s.verified(verifier, r)
			if refused != "" {
				s.refuse(w, r, refused)
				return
			}
			if form.IsReceipt() {
				s.reply(w, r, receipt, conversation.Reply{})
				return
			}
			msg, err := twilio.ParseMessage(form)
			if err != nil {
				s.refuseFields(w, r, err)
				return
			}
			keyword := msg.Keyword(s.OptOut)
			r = r.WithContext(session.WithIncoming(r.Context(), session.Incoming{
				Message:  conversation.Message{SID: msg.SID, From: msg.From, To: msg.To, Body: msg.Body},
				Ends:     keyword == twilio.KeywordStop,
				Received: arrivalFrom(r.Context()).at,
			}))
			defer s.recoverPanic(w, r) // as observe does, but here r has the message, for the log line and the metrics
			if keyword == twilio.KeywordStart || keyword == twilio.KeywordHelp {
				s.reply(w, r, result(keyword), conversation.Reply{})
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// verified reads and verifies the form of a request, or returns the refusal. A request needs no slot while its body is
// read. It needs a slot to be parsed and verified, so that a flood takes little more memory than its bodies. Large
// bodies have their own slots, so that Twilio's messages do not wait behind them.
func (s *Server) verified(verifier *twilio.Verifier, r *http.Request) (twilio.Form, result) {
	if !isForm(r.Header.Get("Content-Type")) || !isPlain(r.Header.Get("Content-Encoding")) {
		return twilio.Form{}, notForm
	}
	conn := connlimit.FromContext(r.Context())
	body, refused := readBody(r, conn)
	if refused != "" {
		return twilio.Form{}, refused
	}
	slots := s.slots
	if len(body) > usualBody {
		slots = s.largeSlots
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-conn.Ended(): // the body is no longer counted
		return twilio.Form{}, unreadable
	}
	form, err := twilio.ParseForm(body)
	if err != nil {
		return twilio.Form{}, badForm
	}
	if _, isSigned := verifier.Verify(r.Header.Get("X-Twilio-Signature"), query(r), form); !isSigned {
		return twilio.Form{}, badSignature
	}
	conn.Signed()
	if len(s.AccountSIDs) > 0 && !slices.Contains(s.AccountSIDs, form.Get("AccountSid")) {
		return twilio.Form{}, otherAccount
	}
	return form, ""
}

// query returns the unchanged query of the request, with its question mark. The signature is checked with this query
// and with the configured URL. The rest of the request's URL is not used.
func query(r *http.Request) string {
	if r.URL.RawQuery == "" && !r.URL.ForceQuery {
		return ""
	}
	return "?" + r.URL.RawQuery
}
