package server

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session"
	"smsession/internal/twilio"
)

// apology is the reply if the message cannot be answered at the fallback URL either.
const apology = "Sorry, we could not take your message just now. Please send it again in a few minutes."

// The results of requests that do not get their result from the session. The log and the metrics use these words.
const (
	receiptResult = "receipt" // a delivery receipt, which is not a message
	apologyResult = "apology"
	// keywordFailed is the result of STOP at the fallback URL if the session could not be loaded or saved. Nothing is
	// sent, because the person has just opted out.
	keywordFailed = "keyword_failed"
)

// response is how a request ends: what is sent, and what the log line and the metrics say about it. It never changes.
type response struct {
	status       int
	contentType  string
	body         []byte
	result       string // the word for the log and the metrics; "" for a request without a result
	hasFailed    bool   // although the status may be 200
	isUnverified bool   // the request was refused before its signature was verified
}

// twiml returns the response with a reply as TwiML.
func twiml(result string, reply conversation.Reply) response {
	return response{status: http.StatusOK, contentType: "text/xml; charset=utf-8", body: twilio.TwiML(reply), result: result}
}

// plain returns the response with one line of text.
func plain(status int, line string) response {
	return response{status: status, contentType: plainType, body: []byte(line + "\n")}
}

const plainType = "text/plain; charset=utf-8"

// answer writes the reply to a message whose session was saved.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	o := session.OutcomeFrom(r.Context())
	s.finish(w, r, twiml(string(o.Result), o.Reply))
}

// unavailable answers a message that got no reply. Twilio then sends the message to the fallback URL.
func (s *Server) unavailable(w http.ResponseWriter, r *http.Request) {
	err := session.OutcomeFrom(r.Context()).Err
	switch {
	case errors.Is(err, session.ErrBusy):
		s.refuse(w, r, busy)
	case errors.Is(err, session.ErrNewer):
		s.refuse(w, r, newer)
	case errors.Is(err, session.ErrGone):
		s.refuse(w, r, clientGone)
	case errors.Is(err, session.ErrResponder):
		s.refuse(w, r, appFailed)
	default:
		s.refuse(w, r, unavailable)
	}
}

// apologise answers at the fallback URL, which is the last URL that Twilio tries. STOP gets no apology, because a sender
// who has opted out must not get another text. A client that has hung up gets no apology either.
func (s *Server) apologise(w http.ResponseWriter, r *http.Request) {
	if errors.Is(session.OutcomeFrom(r.Context()).Err, session.ErrGone) {
		s.unavailable(w, r)
		return
	}
	res := twiml(apologyResult, conversation.Text(apology))
	if session.IncomingFrom(r.Context()).Ends {
		res = twiml(keywordFailed, conversation.Reply{})
	}
	res.hasFailed = true
	s.finish(w, r, res)
}

// refuse answers with a refusal.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, f refusal) {
	res := f.response()
	if res.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	s.finish(w, r, res)
}

// finish writes the response, counts the request and logs it. Every request ends here, except for those of the handlers
// in logged.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, res response) {
	s.closeIfDraining(w)
	res.write(w)
	took := time.Since(receivedFrom(r.Context()))
	s.metrics.count(r, res, took)
	s.log(r, res, took)
}

func (res response) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", res.contentType)
	if res.contentType == plainType {
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Length", strconv.Itoa(len(res.body)))
	}
	w.WriteHeader(res.status)
	_, _ = w.Write(res.body) // a client that has hung up gets the same response for a repeat
}

// logged is a middleware for handlers that write their own responses.
func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.closeIfDraining(w)
		next.ServeHTTP(w, r)
		s.log(r, response{status: http.StatusOK}, time.Since(receivedFrom(r.Context())))
	})
}

// closeIfDraining asks the client to close its connection, so that a load balancer's idle connections are closed before
// the listener is.
func (s *Server) closeIfDraining(w http.ResponseWriter) {
	if s.Health.Draining() {
		w.Header().Set("Connection", "close")
	}
}
