package appcheck

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"

	"smsession/internal/weburl"
)

// pieces is how many pieces the slow network makes of a body, at most.
const pieces = 10

// slowNetwork is a proxy in front of an app. It passes on each request and each answer in pieces, with a pause before
// each piece. It keeps the Host and all headers that the app may check.
type slowNetwork struct {
	url    weburl.URL // the app's URL with the host of the proxy
	app    weburl.URL
	server *http.Server
	direct *http.Transport
	delay  atomic.Int64 // a time.Duration: how much longer one call takes, at least
}

// newSlowNetwork starts a slow network without a delay. The caller must close it.
func newSlowNetwork(app weburl.URL) (*slowNetwork, error) {
	listener, err := net.Listen("tcp", anyPort)
	if err != nil {
		return nil, err
	}
	n := &slowNetwork{url: app, app: app, direct: &http.Transport{DisableCompression: true}}
	n.url.Scheme, n.url.Host = "http://", listener.Addr().String()
	n.server = &http.Server{Handler: &httputil.ReverseProxy{
		Transport: n.direct,
		Rewrite:   n.rewrite,
		ModifyResponse: func(r *http.Response) (err error) {
			r.Body, err = n.slowly(r.Request.Context(), r.Body)
			return err
		},
		FlushInterval: -1,
		// A failure of the app's connection is one here, too, and not an answer.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0),
	}, ReadHeaderTimeout: 10 * time.Second}
	go n.server.Serve(listener) // ends with close
	return n, nil
}

// close ends all connections.
func (n *slowNetwork) close() {
	n.server.Close()
	n.direct.CloseIdleConnections()
}

// rewrite directs a request to the app. net/http/httputil has removed the headers of a proxy, which are the replica's.
func (n *slowNetwork) rewrite(r *httputil.ProxyRequest) {
	to := n.app.Parsed()
	r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
	for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values := r.In.Header[name]; values != nil {
			r.Out.Header[name] = values
		}
	}
	if r.Out.Body == nil { // net/http/httputil sets it to nil if its length is 0
		time.Sleep(n.half())
		return
	}
	if body, err := n.slowly(r.Out.Context(), r.Out.Body); err == nil {
		r.Out.Body = body
	}
}

// half is the part of the delay that the request or the answer takes.
func (n *slowNetwork) half() time.Duration { return time.Duration(n.delay.Load()) / 2 }

// slowly reads a body and returns it as a body that takes half of the delay. The body ends early if ctx ends.
func (n *slowNetwork) slowly(ctx context.Context, body io.ReadCloser) (io.ReadCloser, error) {
	whole, err := io.ReadAll(body)
	piece := len(whole)/pieces + 1
	reads := max(1, (len(whole)+piece-1)/piece) // without the one that finds the end: the reader may know the length
	pause := n.half() / time.Duration(reads)
	return io.NopCloser(&slowReader{ctx.Done(), bytes.NewReader(whole), piece, pause}), err
}

// slowReader returns at most one piece after each pause.
type slowReader struct {
	ended <-chan struct{} // closed when nobody waits for the rest
	whole *bytes.Reader
	piece int
	pause time.Duration
}

func (r *slowReader) Read(p []byte) (int, error) {
	select {
	case <-r.ended:
		return 0, io.ErrUnexpectedEOF
	case <-time.After(r.pause):
		return r.whole.Read(p[:min(r.piece, len(p))])
	}
}
