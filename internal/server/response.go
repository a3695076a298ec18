package server

import (
	"net/http"
	"strings"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session"
	"smsession/internal/twilio"
)

// apology is the reply if the message cannot be answered at the fallback URL either.
const apology = "Sorry, we could not take your message just now. Please send it again in a few minutes."

// answer writes the reply to a message whose session was saved.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	o := session.OutcomeFrom(r.Context())
	s.reply(w, r, result(o.Result), o.Reply)
}

// unavailable answers a message that got no reply. Twilio then sends the message to the fallback URL.
func (s *Server) unavailable(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, r, failure(session.OutcomeFrom(r.Context()).Err))
}

// apologise answers at the fallback URL, which is the last URL that Twilio tries. STOP, START and HELP get no apology,
// because Twilio has answered them, and because a sender who has opted out must not get another text. A client that has
// hung up gets no apology either.
func (s *Server) apologise(w http.ResponseWriter, r *http.Request) {
	switch in := session.IncomingFrom(r.Context()); {
	case failure(session.OutcomeFrom(r.Context()).Err) == clientGone:
		s.refuse(w, r, clientGone)
	case in.Ends || in.IsSilent:
		s.reply(w, r, keywordFailed, conversation.Reply{})
	default:
		s.reply(w, r, apologised, conversation.Text(apology))
	}
}

// reply answers with TwiML.
func (s *Server) reply(w http.ResponseWriter, r *http.Request, res result, reply conversation.Reply) {
	s.finish(w, r, res, twilio.TwiML(reply))
}

// refuse answers with the sentence of a refusal.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, res result) {
	s.finish(w, r, res, endings[res].body())
}

// refuseFields answers a message with fields that cannot be used. err may be sent to the client.
func (s *Server) refuseFields(w http.ResponseWriter, r *http.Request, err error) {
	sentence := err.Error()
	s.finish(w, r, badFields, []byte(strings.ToUpper(sentence[:1])+sentence[1:]+".\n"))
}

// finish writes the answer, counts the request and logs it. Every request ends here, except for those with a refused
// Host, and for those to the handlers in logged.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, res result, body []byte) {
	s.closeIfDraining(w)
	endings[res].write(w, body)
	took := time.Since(arrivalFrom(r.Context()).at)
	s.metrics.count(r, res, took)
	s.log(r, res, took)
}

// logged is a middleware for handlers that write their own answers.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.closeIfDraining(w)
		next.ServeHTTP(w, r)
		s.log(r, written, time.Since(arrivalFrom(r.Context()).at))
	})
}

// closeIfDraining asks the client to close its connection, so that a load balancer's idle connections are closed before
// the listener is.
func (s *Server) closeIfDraining(w http.ResponseWriter) {
	if s.Health.Draining() {
		w.Header().Set("Connection", "close")
	}
}
