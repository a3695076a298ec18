package stage

import (
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/chaostest/control"
	"smsession/internal/chaostest/nemesis"
	"smsession/internal/webhooktest"
)

// App is a team's own app. It counts the messages of a conversation in a cookie, as the sessions of many frameworks do,
// and answers with the texts of Twilio's tutorial. Its faults are used by one goroutine.
type App struct {
	tb     testing.TB
	addr   string
	server *http.Server // nil while it is away
	mode   atomic.Pointer[http.HandlerFunc]
	group  sync.WaitGroup // of the faults
}

// AppTimeout is how long the service waits for the app.
const AppTimeout = 1500 * time.Millisecond

// StartApp starts an app. It ends with the test.
func StartApp(tb testing.TB) *App {
	tb.Helper()
	a := &App{tb: tb, addr: "127.0.0.1:0"}
	a.set(count)
	a.start()
	tb.Cleanup(a.stop)
	tb.Cleanup(a.group.Wait)
	return a
}

// URL returns the URL of the webhook.
func (a *App) URL() string { return "http://" + a.addr + "/sms" }

func (a *App) set(mode http.HandlerFunc) { a.mode.Store(&mode) }

func (a *App) start() {
	var l net.Listener
	webhooktest.WaitNoError(a.tb, "the app to listen", func() (err error) {
		l, err = net.Listen("tcp", a.addr)
		return err
	})
	a.addr = l.Addr().String()
	a.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*a.mode.Load())(w, r)
	})}
	go a.server.Serve(l) // it ends with stop
}

// stop resets all connections and refuses new ones, as the system does for a process that was killed.
func (a *App) stop() { _ = a.server.Close() }

// count answers a message with the number after that in the cookie.
func count(w http.ResponseWriter, r *http.Request) {
	n := 0
	if cookie, err := r.Cookie("count"); err == nil {
		n, _ = strconv.Atoi(cookie.Value)
	}
	http.SetCookie(w, &http.Cookie{Name: "count", Value: strconv.Itoa(n + 1), Path: "/", HttpOnly: true})
	control.Greet(w, n+1)
}

// Faults returns the faults of the app, and of the turns in Redis in which it is called.
func (a *App) Faults(r Redis) []nemesis.Fault {
	mode := func(name string, how func(*rand.Rand) http.HandlerFunc) nemesis.Fault {
		return nemesis.Fault{Name: "app " + name, Lane: nemesis.App, Min: time.Second / 2, Max: 2 * time.Second,
			Begin: func(random *rand.Rand, _ time.Duration) func() {
				a.set(how(random))
				return func() { a.set(count) }
			}}
	}
	return []nemesis.Fault{
		{Name: "app killed", Lane: nemesis.App, Min: time.Second / 4, Max: 2 * time.Second,
			Begin: func(*rand.Rand, time.Duration) func() { a.stop(); return a.start }},
		mode("slow", slow),
		mode("sends garbage", garbage),
		mode("drops the connection", func(*rand.Rand) http.HandlerFunc { return drop }),
		a.loseTurns(r),
	}
}

// loseTurns deletes the turns of all conversations again and again. Replicas then call the app for a conversation at
// the same time, and only the comparison of the commit decides.
func (a *App) loseTurns(r Redis) nemesis.Fault {
	return nemesis.Fault{Name: "app turns lost", Lane: nemesis.App, Min: time.Second, Max: 3 * time.Second,
		Begin: func(*rand.Rand, time.Duration) func() {
			ended := make(chan struct{})
			a.group.Go(func() {
				for {
					select {
					case <-ended:
						return
					case <-a.tb.Context().Done(): // the test has failed in a fault
						return
					case <-time.After(5 * time.Millisecond):
						r.deleteTurns()
					}
				}
			})
			return func() { close(ended) }
		}}
}

// slow answers late: most answers come in time, and some do not.
func slow(random *rand.Rand) http.HandlerFunc {
	longest := AppTimeout/2 + time.Duration(random.Int64N(int64(AppTimeout)))
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(rand.N(longest)):
			count(w, r)
		case <-r.Context().Done():
		}
	}
}

// garbage sends one of some answers that Twilio cannot use.
func garbage(random *rand.Rand) http.HandlerFunc {
	answers := []struct {
		status     int
		kind, body string
	}{
		{500, "text/html", "<h1>Internal Server Error</h1>"},
		{200, "text/xml", "<Response><Message>Hello, thanks for the new message.</Mess"},
		{200, "application/json", "{"},
		{302, "text/html", ""},
	}
	one := answers[random.IntN(len(answers))]
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", one.kind)
		w.Header().Set("Set-Cookie", "count=1000; Path=/")
		w.WriteHeader(one.status)
		_, _ = io.WriteString(w, one.body)
	}
}

// drop acts, and then drops the connection before the answer or in the middle of it.
func drop(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength%2 == 0 {
		w.Header().Set("Content-Length", "1000")
		count(w, r)
		_ = http.NewResponseController(w).Flush()
	}
	panic(http.ErrAbortHandler)
}
