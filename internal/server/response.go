package server

import (
	"errors"
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
	x := delivered(r)
	defer s.recoverPanic(w, r, &x)
	s.reply(w, r, &x, result(x.outcome.Result), x.outcome.Reply)
}

// unavailable answers a message that got no reply. Twilio then sends the message to the fallback URL.
func (s *Server) unavailable(w http.ResponseWriter, r *http.Request) {
	x := delivered(r)
	defer s.recoverPanic(w, r, &x)
	s.refuseFailed(w, r, &x)
}

// apologise answers at the fallback URL, which is the last URL that Twilio tries. STOP, START and HELP get no apology,
// because Twilio has answered them, and because a sender who has opted out must not get another text. A client that has
// hung up gets no apology either, and a panic is answered as at the other URL.
func (s *Server) apologise(w http.ResponseWriter, r *http.Request) {
	x := delivered(r)
	defer s.recoverPanic(w, r, &x)
	switch reason := failure(x.outcome.Err); {
	case reason == clientGone, reason == bug:
		s.refuseFailed(w, r, &x)
	case x.in.Ends || x.in.IsSilent:
		s.reply(w, r, &x, keywordFailed, conversation.Reply{})
	default:
		s.reply(w, r, &x, apologised, conversation.Text(apology))
	}
}

// reply answers with TwiML.
func (s *Server) reply(w http.ResponseWriter, r *http.Request, x *observed, res result, reply conversation.Reply) {
	s.finish(w, r, x, res, twilio.TwiML(reply))
}

// refuse answers with the sentence of a refusal.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, x *observed, res result) {
	s.finish(w, r, x, res, endings[res].body())
}

// refuseFailed answers a message that failed with the sentence of its failure.
func (s *Server) refuseFailed(w http.ResponseWriter, r *http.Request, x *observed) {
	if p, isPanic := errors.AsType[*session.PanicError](x.outcome.Err); isPanic {
		s.refuseBug(w, r, x, p.Value, p.Stack)
		return
	}
	s.refuse(w, r, x, failure(x.outcome.Err))
}

// refuseFields answers a message with fields that cannot be used. err may be sent to the client.
func (s *Server) refuseFields(w http.ResponseWriter, r *http.Request, x *observed, err error) {
	sentence := err.Error()
	s.finish(w, r, x, badFields, []byte(strings.ToUpper(sentence[:1])+sentence[1:]+".\n"))
}

// finish writes the answer, counts the request and logs it. Every request ends here, except for those with a refused
// Host, and for those to the handlers in logged.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, x *observed, res result, body []byte) {
	s.closeIfDraining(w)
	endings[res].write(w, body)
	took := time.Since(x.at)
	s.metrics.count(r, x, res, took)
	s.log(r, x, res, took)
}

// logged is a middleware for handlers that write their own answers.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := arrive()
		s.closeIfDraining(w)
		next.ServeHTTP(w, r)
		s.log(r, &x, written, time.Since(x.at))
	})
}

// closeIfDraining asks the client to close its connection, so that a load balancer's idle connections are closed before
// the listener is.
func (s *Server) closeIfDraining(w http.ResponseWriter) {
	if s.Health.Draining() {
		w.Header().Set("Connection", "close")
	}
}
