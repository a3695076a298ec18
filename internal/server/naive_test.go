package server_test

import (
	"net/http"
	"time"

	"smsession/internal/conversation"
	"smsession/internal/session"
)

// naiveSessionFirst makes the mistake of having the session middleware outside the check of the signature.
func naiveSessionFirst(r *replica) http.Handler {
	failed := func(w http.ResponseWriter, req *http.Request) {
		http.Error(w, session.OutcomeFrom(req.Context()).Err.Error(), http.StatusServiceUnavailable)
	}
	sessions := r.Sessions.Middleware(failed)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		inner := serve(r.public, req)
		w.Header().Set("Content-Type", inner.header.Get("Content-Type"))
		w.WriteHeader(inner.status)
		_, _ = w.Write([]byte(inner.body))
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		in := session.Incoming{Message: conversation.Message{SID: newSID(), From: from, To: to}, Received: time.Now()}
		sessions.ServeHTTP(w, req.WithContext(session.WithIncoming(req.Context(), in)))
	})
}

// naiveURL makes the mistake of building the signed URL from what the request says.
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
		if r.Header.Get("X-Twilio-Signature") != sign(token, scheme+"://"+host+r.RequestURI, r.PostForm) {
			w.WriteHeader(http.StatusForbidden)
		}
	})
}

// naiveMux makes the mistake of routing with net/http's mux.
func naiveMux(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/sms", h)
	mux.Handle("/sms/fallback/", h)
	return mux
}
