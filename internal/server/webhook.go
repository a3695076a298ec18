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

// admit returns a function that admits the messages of verified requests, and answers every other request. Without an
// app, it also answers START and HELP, which Twilio has already answered: they do not begin or renew a session, and
// they are not counted. With an app, they are messages like others, but their replies are dropped. isLast is true for
// the URL that Twilio tries last. The order of the checks is part of the API.
func (s *Server) admit(verifier *twilio.Verifier, isLast bool) session.Admit {
	return func(w http.ResponseWriter, r *http.Request) *session.Incoming {
		x := arrive()
		defer s.recoverPanic(w, r, &x)
		v, refused := s.verify(verifier, r)
		if refused != "" {
			s.refuse(w, r, &x, refused)
			return nil
		}
		if v.form.IsReceipt() {
			s.reply(w, r, &x, receipt, conversation.Reply{})
			return nil
		}
		msg, err := twilio.ParseMessage(v.form)
		if err != nil {
			s.refuseFields(w, r, &x, err)
			return nil
		}
		keyword := msg.Keyword(s.OptOut)
		isAnswered := keyword == twilio.KeywordStart || keyword == twilio.KeywordHelp
		in := session.Incoming{
			Message:  conversation.Message{SID: msg.SID, From: msg.From, To: msg.To, Body: msg.Body},
			Ends:     keyword == twilio.KeywordStop,
			IsSilent: isAnswered,
			IsLast:   isLast,
			Received: x.at,
		}
		if s.HasApp {
			in.Webhook = &conversation.Webhook{Form: v.form, Query: query(r), Header: r.Header, Token: v.token}
		}
		if isAnswered && !s.HasApp {
			x.in = in
			s.reply(w, r, &x, result(keyword), conversation.Reply{})
			return nil
		}
		return &in
	}
}

// verified is a request that Twilio has signed.
type verified struct {
	form  twilio.Form
	token string // the auth token of the signature
}

// verify reads and verifies a request, or returns the refusal. A request needs no slot while its body is read. It needs
// a slot to be parsed and verified, so that a flood takes little more memory than its bodies. Large bodies have their
// own slots, so that Twilio's messages do not wait behind them.
func (s *Server) verify(verifier *twilio.Verifier, r *http.Request) (verified, result) {
	if !isForm(r.Header.Get("Content-Type")) || !isPlain(r.Header.Get("Content-Encoding")) {
		return verified{}, notForm
	}
	conn := connlimit.FromContext(r.Context())
	body, refused := readBody(r, conn)
	if refused != "" {
		return verified{}, refused
	}
	slots := s.slots
	if len(body) > usualBody {
		slots = s.largeSlots
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-conn.Ended(): // the body is no longer counted
		return verified{}, unreadable
	}
	form, err := twilio.ParseForm(body)
	if err != nil {
		return verified{}, badForm
	}
	token, isSigned := verifier.Verify(r.Header.Get("X-Twilio-Signature"), query(r), form)
	if !isSigned {
		return verified{}, badSignature
	}
	conn.Signed()
	switch {
	case s.HasApp && len(r.Header[conversation.AttemptHeader]) > 0:
		return verified{}, loop
	case len(s.AccountSIDs) > 0 && !slices.Contains(s.AccountSIDs, form.Get("AccountSid")):
		return verified{}, otherAccount
	}
	return verified{form, token}, ""
}

// query returns the unchanged query of the request, with its question mark. The signature is checked with this query
// and with the configured URL. The rest of the request's URL is not used.
func query(r *http.Request) string {
	if r.URL.RawQuery == "" && !r.URL.ForceQuery {
		return ""
	}
	return "?" + r.URL.RawQuery
}
