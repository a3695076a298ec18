package systemtest

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"strings"
	"sync/atomic"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// gate is a proxy in front of an app. The test decides what happens to the calls, and sees them.
type gate struct {
	url    string // of the webhook
	app    http.Handler
	mode   atomic.Pointer[http.HandlerFunc]
	server *httptest.Server
}

// startGate starts a gate that passes every call on to the app.
func startGate(tb testing.TB, appURL string) *gate {
	tb.Helper()
	target, _ := neturl.Parse(strings.TrimSuffix(appURL, "/sms"))
	g := &gate{app: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		Transport: newSender(tb).Client.Transport,
		// A failure of the app's connection is one here, too, and not an answer.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	g.set(g.app.ServeHTTP)
	g.open(tb, fmt.Sprint("127.0.0.1:", redistest.ReservePort(tb)))
	g.url = g.server.URL + "/sms"
	tb.Cleanup(func() { g.close() })
	return g
}

// open accepts connections at an address.
func (g *gate) open(tb testing.TB, addr string) {
	tb.Helper()
	g.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*g.mode.Load())(w, r)
	}))
	g.server.Listener.Close()
	var err error
	if g.server.Listener, err = net.Listen("tcp", addr); err != nil {
		tb.Fatal(err)
	}
	g.server.Start()
}

// close ends all connections and refuses new ones, as the system does for a process that was killed. It returns the
// address, for open.
func (g *gate) close() (addr string) {
	g.server.CloseClientConnections()
	g.server.Close()
	return g.server.Listener.Addr().String()
}

// set changes what happens to the next calls.
func (g *gate) set(mode http.HandlerFunc) { g.mode.Store(&mode) }

// hold lets the app process the next calls, but keeps its answers until release is called. The channel gets a value for
// each answer that is kept. If the test ends, release is called.
func (g *gate) hold(tb testing.TB) (held <-chan struct{}, release func()) {
	arrived, end := make(chan struct{}, 100), make(chan struct{})
	g.set(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		g.app.ServeHTTP(answer, r.WithContext(tb.Context())) // the app answers even if the replica dies
		arrived <- struct{}{}
		<-end
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
	var released atomic.Bool
	release = func() {
		if released.CompareAndSwap(false, true) {
			close(end)
		}
	}
	tb.Cleanup(release)
	return arrived, release
}

// await waits until the gate holds an answer of the app.
func await(tb testing.TB, held <-chan struct{}) {
	tb.Helper()
	webhooktest.Receive(tb, "an answer of the app", held)
}
