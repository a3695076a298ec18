package server

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
)

// recoverPanics is a middleware that answers a request whose handler has panicked.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := arrive()
		defer s.recoverPanic(w, r, &x)
		next.ServeHTTP(w, r)
	})
}

// recoverPanic answers a request whose handler has panicked. It must be deferred.
func (s *Server) recoverPanic(w http.ResponseWriter, r *http.Request, x *observed) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	s.refuseBug(w, r, x, p, debug.Stack())
}

// refuseBug answers a request during which something panicked with a value.
func (s *Server) refuseBug(w http.ResponseWriter, r *http.Request, x *observed, value any, stack []byte) {
	s.Logger.Error("panic", x.requestID(), "value", describe(value), "stack", string(stack))
	s.refuse(w, r, x, bug)
}

// describe returns a description of a panic's value. It returns the text of a runtime error only, because any other
// text may contain what the sender wrote.
func describe(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T", p)
}
