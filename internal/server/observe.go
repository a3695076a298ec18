package server

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
)

// arrival is what observe records about a request.
type arrival struct {
	at time.Time
	id uint64 // chosen at random, so that the log lines of a request can be found
}

type arrivalKey struct{}

// arrivalFrom returns the arrival of a request.
func arrivalFrom(ctx context.Context) arrival {
	a, _ := ctx.Value(arrivalKey{}).(arrival)
	return a
}

// requestID is the same in all log lines of a request.
func (a arrival) requestID() slog.Attr {
	return slog.String("request_id", strconv.FormatUint(a.id, 16))
}

// observe records the arrival of a request, and turns a panic into a 500.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(context.WithValue(r.Context(), arrivalKey{}, arrival{time.Now(), rand.Uint64()}))
		defer s.recoverPanic(w, r)
		next.ServeHTTP(w, r)
	})
}

// recoverPanic answers a request whose handler has panicked. It must be deferred.
func (s *Server) recoverPanic(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	s.Logger.Error("panic", arrivalFrom(r.Context()).requestID(), "value", describe(p), "stack", string(debug.Stack()))
	s.refuse(w, r, bug)
}

// describe returns a description of a panic's value. It returns the text of a runtime error only, because any other
// text may contain what the sender wrote.
func describe(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T", p)
}
