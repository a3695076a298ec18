package server_test

import (
	"context"
	"net/http"

	"smsession/internal/conversation"
	"smsession/internal/session"
)

// naiveSessionFirst makes the mistake of having the session middleware outside the check of the signature.
func naiveSessionFirst(r *replica) http.Handler {
	message := func(context.Context) (conversation.Message, *session.Report) {
		return conversation.Message{SID: newSID(), From: from, To: to}, &session.Report{}
	}
	fail := func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
	return r.Sessions.Middleware(message, fail)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.Sessions.Answer(req.Context(), false)
		inner := serve(r.public, req)
		w.Header().Set("Content-Type", inner.header.Get("Content-Type"))
		w.WriteHeader(inner.status)
		_, _ = w.Write([]byte(inner.body))
	}))
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
