package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"time"
)

// Header is the header of an answer that names the replica: the one that has answered, or the one that was killed while
// it had the request.
const Header = "Smsession-Replica"

// The statuses of the answers that do not come from a replica.
const (
	StatusKilled = http.StatusBadGateway         // with Header, the replica was killed while it had the request
	StatusNone   = http.StatusServiceUnavailable // without Header, no replica is up
)

const (
	// requestTimeout is longer than a replica takes: 15 s to read a request, and 15 s to answer it.
	requestTimeout = 31 * time.Second
	// idleTimeout is shorter than the 5 s after which a server closes a connection that has not been used.
	idleTimeout = 3 * time.Second
	maxIdle     = 64 // connections to one replica
)

var errNone = errors.New("no replica is up")

// killedError is the number of the replica that was killed while it had a request.
type killedError int

func (e killedError) Error() string {
	return fmt.Sprintf("replica %d was killed before it answered", int(e))
}

// ServeHTTP gives a request to the next replica that is up, and passes on its answer. It never gives a request to a
// second replica once a byte of it may have been sent: Twilio's fallback URL is for this.
func (f *Fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	proxy := httputil.ReverseProxy{
		Rewrite:      unchanged,
		Transport:    roundTripper{f},
		ErrorHandler: answerError,
		ErrorLog:     log.New(io.Discard, "", 0), // the answer, or its end, shows the error
	}
	proxy.ServeHTTP(w, r)
}

// unchanged undoes the changes that a reverse proxy makes. A query without its unusual parameters would have another
// signature.
func unchanged(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme, r.Out.Host = "http", r.In.Host
	r.Out.URL.RawQuery, r.Out.URL.ForceQuery = r.In.URL.RawQuery, r.In.URL.ForceQuery
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, ok := r.In.Header[name]; ok {
			r.Out.Header[name] = values
		}
	}
}

// answerError answers a request that got no answer.
func answerError(w http.ResponseWriter, _ *http.Request, err error) {
	status := StatusKilled
	if number, ok := errors.AsType[killedError](err); ok {
		w.Header().Set(Header, strconv.Itoa(int(number)))
	} else if errors.Is(err, errNone) {
		status = StatusNone
	}
	http.Error(w, err.Error(), status)
}

// roundTripper sends requests to the replicas of a fleet.
type roundTripper struct{ *Fleet }

// RoundTrip sends a request to the next replica that accepts a connection. net/http sends a request with a body only
// once, because the request has no GetBody.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	for range t.replicas {
		p := t.next()
		if p == nil {
			break
		}
		res, err := t.send(p, r)
		switch {
		case err == nil:
			res.Header.Set(Header, strconv.Itoa(p.number))
			return res, nil
		case isRefused(err): // nothing was sent
		case p.isKilled():
			return nil, killedError(p.number)
		default:
			return nil, err
		}
	}
	return nil, errNone
}

// next returns the next replica that is up, or nil.
func (f *Fleet) next() *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range f.replicas {
		f.last = (f.last + 1) % len(f.replicas)
		if s := f.replicas[f.last]; s.State == Up {
			return s.process
		}
	}
	return nil
}

// send sends a request to a replica, and counts it if it is a POST.
func (t roundTripper) send(p *process, r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Host = p.public.Addr().String()
	if r.Body != nil {
		out.Body = io.NopCloser(r.Body) // a refused connection would close it
	}
	count := func(underway, answered int) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if s := &t.replicas[p.number-1]; r.Method == http.MethodPost {
			s.Underway += underway
			s.Answered += answered
		}
	}
	count(1, 0)
	res, err := t.transport.RoundTrip(out)
	if err != nil {
		count(-1, 0)
		return nil, err
	}
	count(-1, 1)
	return res, nil
}

// isRefused reports whether a request failed because there was no connection.
func isRefused(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && failed.Op == "dial"
}

func newTransport() *http.Transport {
	return &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: idleTimeout}
}

// newServer returns the server in front of the replicas. The replicas have stricter limits.
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:                      h,
		DisableGeneralOptionsHandler: true,
		ReadTimeout:                  requestTimeout,
		WriteTimeout:                 requestTimeout,
		ErrorLog:                     log.New(io.Discard, "", 0),
	}
}

// shutDown closes the listener of srv, and waits for the requests.
func shutDown(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		return fmt.Errorf("stop the public listener: %w", errors.Join(err, srv.Close()))
	}
	return nil
}
