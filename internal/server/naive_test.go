package server_test

import (
	"net/http"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session"
	"smsession/internal/webhooktest"
)

// naiveSessionFirst makes the mistake of running the session middleware before it checks the signature.
func naiveSessionFirst(r *replica) http.Handler {
	failed := func(w http.ResponseWriter, req *http.Request) {
		http.Error(w, session.OutcomeFrom(req.Context()).Err.Error(), http.StatusServiceUnavailable)
	}
	admit := func(http.ResponseWriter, *http.Request) *session.Incoming {
		return &session.Incoming{
			Message:  conversation.Message{SID: webhooktest.NewSID(), From: sender.From, To: sender.To},
			Received: time.Now(),
		}
	}
	return r.Sessions.Middleware(admit, failed)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		inner := serve(r.public, req)
		w.Header().Set("Content-Type", inner.Header.Get("Content-Type"))
		w.WriteHeader(inner.Status)
		_, _ = w.Write([]byte(inner.Body))
	}))
}

// naiveURL makes the mistake of checking the signature with a URL that the request claims.
func naiveURL() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, host := "https", r.Host
		if s := r.Header.Get("X-Forwarded-Proto"); s != "" {
			scheme = s
		}
		if h := r.Header.Get("X-Forwarded-Host"); h != "" {
			host = h
		}
		_ = r.ParseForm()
		if r.Header.Get("X-Twilio-Signature") != webhooktest.Sign(token, scheme+"://"+host+r.RequestURI, r.PostForm) {
			w.WriteHeader(http.StatusForbidden)
		}
	})
}

// naiveMux makes the mistake of routing with the mux of net/http.
func naiveMux(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/sms", h)
	mux.Handle("/sms/fallback/", h)
	return mux
}
