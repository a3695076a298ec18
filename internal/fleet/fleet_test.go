package fleet_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/fleet"
	"smsession/internal/webhooktest"
)

// running is a fleet that runs.
type running struct {
	*fleet.Fleet
	t     *testing.T
	url   string
	after chan time.Time // lets a killed replica start again
	end   func() error   // ends the fleet and returns the error of Run
}

// handle answers the requests to a replica. redis is the address at which the replica reaches Redis.
type handle func(number int, redis string, w http.ResponseWriter, r *http.Request)

// run starts a fleet whose replicas call h.
func run(t *testing.T, n int, redis string, h handle) *running {
	t.Helper()
	f := &running{Fleet: fleet.New(n), t: t, after: make(chan time.Time)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.url = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- f.Run(ctx, l, f.Fleet, fleet.Options{
			Run: serve(h), Redis: redis, After: func(time.Duration) <-chan time.Time { return f.after },
		})
	}()
	f.end = func() error {
		cancel()
		return webhooktest.Receive(t, "the end of the fleet", ended)
	}
	t.Cleanup(cancel)
	webhooktest.Wait(t, "the replicas", func() bool {
		return !slices.ContainsFunc(f.State(), func(r fleet.Replica) bool { return r.State != fleet.Up })
	})
	return f
}

// serve returns a replica that calls h. It returns an error if its listener fails.
func serve(h handle) func(context.Context, int, net.Listener, net.Listener, string, func() bool) error {
	return func(ctx context.Context, number int, public, admin net.Listener, redis string, _ func() bool) error {
		defer admin.Close()
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h(number, redis, w, r)
		})}
		stop := context.AfterFunc(ctx, func() { _ = srv.Shutdown(context.Background()) })
		defer stop()
		if err := srv.Serve(public); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// post posts a text and returns the status, the number of the replica and the body.
func (f *running) post(target, text string) string {
	f.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Post(f.url+target, "text/plain", strings.NewReader(text))
	if err != nil {
		f.t.Error(err)
		return ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Error(err)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", res.StatusCode, res.Header.Get(fleet.Header), body))
}

func echo(_ int, _ string, w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }

func TestTurns(t *testing.T) {
	f := run(t, 3, "", echo)
	for i := range 9 {
		if got, want := f.post("/", "hello"), fmt.Sprintf("200 %d hello", i%3+1); got != want {
			t.Errorf("message %d gets %q, want %q", i+1, got, want)
		}
	}
	for _, r := range f.State() {
		if r.Answered != 3 || r.Underway != 0 {
			t.Errorf("replica %d has answered %d messages, and has %d", r.Number, r.Answered, r.Underway)
		}
	}
	if err := f.end(); err != nil {
		t.Error(err)
	}
}

// TestKill kills the replica that has a message. A front that sends the message again delivers it twice.
func TestKill(t *testing.T) {
	begun, release := make(chan int, 3), make(chan struct{})
	f := run(t, 3, "", func(number int, _ string, w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) == "slow" {
			begun <- number
			<-release
		}
		_, _ = w.Write(body)
	})
	answer := make(chan string, 1)
	go func() { answer <- f.post("/", "slow") }()
	number := webhooktest.Receive(t, "the message to arrive", begun)
	if got := f.State()[0]; got.Underway != 1 || number != 1 {
		t.Errorf("replica %d has the message, and the first one %d", number, got.Underway)
	}
	if err := f.Kill(1); err != nil {
		t.Fatal(err)
	}
	want := "502 1 replica 1 was killed before it answered"
	if got := webhooktest.Receive(t, "the answer", answer); got != want || len(begun) > 0 {
		t.Errorf("the message gets %q, and was delivered %d more times", got, len(begun))
	}
	if err := f.Kill(1); !errors.Is(err, fleet.ErrDown) {
		t.Errorf("the second Kill returns %v", err)
	}
	if err := errors.Join(f.Kill(0), f.Kill(4)); !errors.Is(err, fleet.ErrUnknown) {
		t.Errorf("Kill of another number returns %v", err)
	}
	for _, want := range []string{"200 2 hello", "200 3 hello", "200 2 hello"} {
		if got := f.post("/", "hello"); got != want {
			t.Errorf("the next message gets %q, want %q", got, want)
		}
	}
	close(release)
	f.after <- time.Time{}
	webhooktest.Wait(t, "the replica to start again", func() bool { return f.State()[0].State == fleet.Up })
	f.post("/", "hello")
	if got := f.post("/", "hello"); got != "200 1 hello" {
		t.Errorf("after the restart, a message gets %q", got)
	}
	if err := f.end(); err != nil {
		t.Errorf("the killed replica fails the fleet: %v", err)
	}
}

func TestNoReplica(t *testing.T) {
	f := run(t, 2, "", echo)
	if err := errors.Join(f.Kill(1), f.Kill(2)); err != nil {
		t.Fatal(err)
	}
	if got := f.post("/", "hello"); got != "503  no replica is up" {
		t.Errorf("the message gets %q", got)
	}
	if err := f.end(); err != nil {
		t.Error(err)
	}
}

// TestKilledCannotCommit kills a replica before it writes to Redis, on a connection that is open already and on a new
// one. A replica that reaches Redis directly can still write: its process lives.
func TestKilledCannotCommit(t *testing.T) {
	for _, isDirect := range []bool{false, true} {
		address := lines(t)
		begun, release, commits := make(chan struct{}), make(chan struct{}), make(chan string, 2)
		f := run(t, 1, address, func(_ int, redis string, _ http.ResponseWriter, _ *http.Request) {
			if isDirect {
				redis = address
			}
			open, err := net.Dial("tcp", redis)
			if err != nil || commit(open) != "OK\n" {
				t.Errorf("the replica does not reach Redis: %v", err)
			}
			defer open.Close()
			close(begun)
			<-release
			commits <- commit(open)
			again, err := net.Dial("tcp", redis)
			if err != nil {
				commits <- err.Error()
				return
			}
			defer again.Close()
			commits <- commit(again)
		})
		go f.post("/", "hello")
		webhooktest.Receive(t, "the message to arrive", begun)
		if err := f.Kill(1); err != nil {
			t.Fatal(err)
		}
		close(release)
		for range 2 {
			got := webhooktest.Receive(t, "the attempt to commit", commits)
			if isDirect != (got == "OK\n") {
				t.Errorf("isDirect %t: the killed replica commits, and Redis answers %q", isDirect, got)
			}
		}
		if err := f.end(); err != nil {
			t.Error(err)
		}
	}
}

// lines starts a server that answers each line, and returns its address.
func lines(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for s := bufio.NewScanner(c); s.Scan(); {
					_, _ = io.WriteString(c, "OK\n")
				}
			}()
		}
	}()
	return l.Addr().String()
}

// commit sends a line, and returns the answer.
func commit(c net.Conn) string {
	_, _ = io.WriteString(c, "commit\n")
	answer, _ := bufio.NewReader(c).ReadString('\n')
	return answer
}

// TestRequestIsUnchanged sends a request with a query that a reverse proxy changes by default. The naive proxy shows
// that the test would see this.
func TestRequestIsUnchanged(t *testing.T) {
	const target = "/a%2Fb?x=1;y=2&z=%zz&"
	got := make(chan *http.Request, 1)
	record := func(_ int, _ string, _ http.ResponseWriter, r *http.Request) { got <- r }
	f := run(t, 1, "", record)
	naive := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: strings.TrimPrefix(f.url, "http://")})
	}}
	for _, isNaive := range []bool{false, true} {
		r, err := http.NewRequest("POST", f.url+target, strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "sms.example.com"
		r.Header.Set("X-Forwarded-For", "192.0.2.7")
		if isNaive {
			r.RequestURI = target
			naive.ServeHTTP(discard{}, r)
		} else if res, err := http.DefaultClient.Do(r); err != nil {
			t.Fatal(err)
		} else {
			res.Body.Close()
		}
		seen := webhooktest.Receive(t, "the request", got)
		isSame := seen.RequestURI == target && seen.Host == r.Host && seen.Header.Get("X-Forwarded-For") == "192.0.2.7"
		if isSame == isNaive {
			t.Errorf("naive %t: the replica gets %s for %s", isNaive, seen.RequestURI, seen.Host)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := f.end(); err != nil {
		t.Error(err)
	}
}

// discard is a response that nobody reads.
type discard struct{}

func (discard) Header() http.Header            { return http.Header{} }
func (discard) Write(text []byte) (int, error) { return len(text), nil }
func (discard) WriteHeader(int)                {}

func TestEnd(t *testing.T) {
	t.Run("a request that is under way gets its answer", func(t *testing.T) {
		begun, release := make(chan struct{}), make(chan struct{})
		f := run(t, 2, "", func(_ int, _ string, w http.ResponseWriter, _ *http.Request) {
			close(begun)
			<-release
			_, _ = io.WriteString(w, "done")
		})
		answer, ended := make(chan string, 1), make(chan error, 1)
		go func() { answer <- f.post("/", "hello") }()
		webhooktest.Receive(t, "the request", begun)
		go func() { ended <- f.end() }()
		webhooktest.Wait(t, "the listener to close", func() bool {
			c, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		close(release)
		if got := webhooktest.Receive(t, "the answer", answer); got != "200 1 done" {
			t.Errorf("the request gets %q", got)
		}
		if err := webhooktest.Receive(t, "the end", ended); err != nil {
			t.Error(err)
		}
	})
	t.Run("a replica that fails ends the fleet", func(t *testing.T) {
		refused := errors.New("Redis refuses us")
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f := fleet.New(3)
		err = f.Run(t.Context(), l, f, fleet.Options{
			Run: func(ctx context.Context, number int, _, _ net.Listener, _ string, _ func() bool) error {
				if number == 2 {
					return refused
				}
				<-ctx.Done()
				return nil
			},
		})
		if !errors.Is(err, refused) {
			t.Errorf("Run returns %v", err)
		}
	})
}

// TestKilledAtOnce kills each replica as soon as it is up. Its end and the kill are then seen at the same time.
func TestKilledAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := fleet.New(3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lives := make(chan struct{}, 2000)
	after := make(chan time.Time)
	close(after)
	err = f.Run(ctx, l, f, fleet.Options{
		Run: func(ctx context.Context, number int, _, _ net.Listener, _ string, _ func() bool) error {
			select {
			case lives <- struct{}{}:
			default:
				cancel()
				<-ctx.Done()
				return nil
			}
			for f.Kill(number) != nil {
				if ctx.Err() != nil {
					return nil
				}
			}
			return errors.New("the listener is closed")
		},
		After: func(time.Duration) <-chan time.Time { return after },
	})
	if err != nil || len(lives) < cap(lives) {
		t.Errorf("after %d lives, Run returns %v", len(lives), err)
	}
}
