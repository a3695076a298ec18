package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
)

// hanging is a connection to a model that answers no command before open is closed.
type hanging struct {
	gate
	run    func(command string, args []string) (any, error) // of a model
	open   <-chan struct{}
	sent   *atomic.Int64 // commands of commits
	cut    *atomic.Bool  // the next answer is lost
	queued []func() (any, error)
}

func (h *hanging) Send(command string, args ...any) error {
	h.sent.Add(1)
	sent := copied(args)
	h.queued = append(h.queued, func() (any, error) { return h.run(command, sent) })
	return nil
}

func (h *hanging) Receive() (any, error) {
	<-h.open
	if h.cut.Swap(false) {
		h.err = errCut
	}
	if h.err != nil {
		return nil, h.err
	}
	next := h.queued[0]
	h.queued = h.queued[1:]
	return next()
}

func (h *hanging) Do(command string, args ...any) (any, error) {
	if command == "" {
		return nil, h.err
	}
	<-h.open
	if command == "EVALSHA" {
		return h.run(command, copied(args))
	}
	return nil, errors.New("unexpected")
}

// desk is a Manager whose Redis hangs, and its two routes.
type desk struct {
	*Manager
	open chan struct{}
	sent *atomic.Int64
	cut  *atomic.Bool
	sms  http.Handler
	fall http.Handler
}

type incoming struct {
	message conversation.Message
	report  Report
}

type incomingKey struct{}

func newDesk(responder conversation.Responder) *desk {
	d := &desk{open: make(chan struct{}), sent: new(atomic.Int64), cut: new(atomic.Bool)}
	held, lock := newModel(), new(sync.Mutex)
	run := func(command string, args []string) (any, error) {
		lock.Lock()
		defer lock.Unlock()
		return held.do(command, args)
	}
	d.Manager = New(Options{Pool: &redis.Pool{Dial: func() (redis.Conn, error) {
		return &hanging{run: run, open: d.open, sent: d.sent, cut: d.cut}, nil
	}}, Connections: 64, Prefix: "sms:", IdleTimeout: time.Hour, Lifetime: time.Hour, Budget: 10 * time.Second, Responder: responder})
	message := func(ctx context.Context) (conversation.Message, *Report) {
		in := ctx.Value(incomingKey{}).(*incoming)
		return in.message, &in.report
	}
	route := func(failed string) http.Handler {
		return d.Middleware(message, func(w http.ResponseWriter, _ *http.Request, err error) {
			if failed == "" {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, failed)
		})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, text := range d.Answer(r.Context(), false) {
				fmt.Fprint(w, text)
			}
		}))
	}
	d.sms, d.fall = route(""), route("sorry")
	return d
}

// ask sends a message in the background. The result can be read when it has been answered.
func (d *desk) ask(ctx context.Context, route http.Handler, from, sid string) (*httptest.ResponseRecorder, *incoming) {
	in := &incoming{message: conversation.Message{SID: sid, From: from, To: "+15005550006"}}
	w := httptest.NewRecorder()
	w.Code = 0
	r := httptest.NewRequestWithContext(context.WithValue(ctx, incomingKey{}, in), "POST", "/sms", nil)
	go route.ServeHTTP(w, r)
	return w, in
}

func TestACapturedRequestStarvesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(conversation.Counter{})
		captured := make([]*httptest.ResponseRecorder, 5000)
		for i := range captured {
			captured[i], _ = d.ask(t.Context(), d.sms, "+12025550143", "SMcaptured")
		}
		many := make([]*httptest.ResponseRecorder, 100) // the load that a sender can cause in the sender's own conversation
		for i := range many {
			many[i], _ = d.ask(t.Context(), d.sms, "+12025550144", fmt.Sprint("SM", i))
		}
		synctest.Wait()
		other, _ := d.ask(t.Context(), d.sms, "+12025550199", "SMother")
		synctest.Wait()
		if n := d.InProgress(); n != 1+64+1 {
			t.Errorf("%d messages are in progress, want 66", n)
		}
		close(d.open)
		synctest.Wait()
		codes := map[int]int{}
		for _, w := range captured {
			codes[w.Code]++
		}
		if codes[http.StatusOK] != 65 || codes[http.StatusServiceUnavailable] != 5000-65 {
			t.Errorf("the captured request got %v, want 65 answers and else 503", codes)
		}
		if other.Code != http.StatusOK || other.Body.String() != "Hello, thanks for the new message." {
			t.Errorf("the other message got %d %q", other.Code, other.Body)
		}
		if n := d.InProgress(); n != 0 {
			t.Errorf("%d messages are in progress at the end", n)
		}
	})
}

func TestRepeatsShareAnOutcome(t *testing.T) {
	t.Run("each gets the reply and the cookie", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(conversation.Counter{})
			first, _ := d.ask(t.Context(), d.sms, "+12025550143", "SMa")
			synctest.Wait()
			repeat, in := d.ask(t.Context(), d.fall, "+12025550143", "SMa")
			synctest.Wait()
			close(d.open)
			synctest.Wait()
			for _, w := range []*httptest.ResponseRecorder{first, repeat} {
				if w.Code != http.StatusOK || w.Body.String() != "Hello, thanks for the new message." {
					t.Errorf("got %d %q", w.Code, w.Body)
				}
			}
			cookie := first.Header().Get("Set-Cookie")
			if cookie == "" || repeat.Header().Get("Set-Cookie") != cookie {
				t.Errorf("the cookies are %q and %q", cookie, repeat.Header().Get("Set-Cookie"))
			}
			repeat.Header()["Set-Cookie"][0] = "changed"
			if first.Header().Get("Set-Cookie") != cookie {
				t.Error("both have the same response object")
			}
			if in.report.Result != Repeated || in.report.Attempts != 0 {
				t.Errorf("the repeat's report is %+v", in.report)
			}
			if sent := d.sent.Load(); sent != 2 {
				t.Errorf("%d steps were sent, want those of one commit", sent)
			}
		})
	})
	t.Run("each fails as its route does", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(conversation.Counter{})
			first, _ := d.ask(t.Context(), d.sms, "+12025550143", "SMa")
			synctest.Wait()
			repeat, _ := d.ask(t.Context(), d.fall, "+12025550143", "SMa")
			time.Sleep(11 * time.Second)
			close(d.open)
			synctest.Wait()
			if first.Code != http.StatusServiceUnavailable || repeat.Body.String() != "sorry" {
				t.Errorf("got %d, and %q at the fallback URL", first.Code, repeat.Body)
			}
		})
	})
	t.Run("no repeat hangs when the request that answers panics", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(conversation.Counter{})
			message := func(ctx context.Context) (conversation.Message, *Report) {
				in := ctx.Value(incomingKey{}).(*incoming)
				return in.message, &in.report
			}
			broken := d.Middleware(message, nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") }))
			panicked := false
			d.ask(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { panicked = recover() != nil }()
				broken.ServeHTTP(w, r)
			}), "+12025550143", "SMa")
			synctest.Wait()
			repeat, _ := d.ask(t.Context(), d.sms, "+12025550143", "SMa")
			synctest.Wait()
			close(d.open)
			synctest.Wait()
			if !panicked || repeat.Code != http.StatusServiceUnavailable || d.InProgress() != 0 {
				t.Errorf("it panicked: %t, the repeat got %d, %d are in progress", panicked, repeat.Code, d.InProgress())
			}
		})
	})
}

func TestAClientThatHangsUp(t *testing.T) {
	t.Run("leaves its message to a repeat when nothing was sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(conversation.Counter{})
			ctx, hangUp := context.WithCancel(t.Context())
			for range cap(d.places) {
				d.places <- struct{}{} // every connection is in use
			}
			first, _ := d.ask(ctx, d.sms, "+12025550143", "SMa")
			synctest.Wait()
			repeat, _ := d.ask(t.Context(), d.sms, "+12025550143", "SMa")
			synctest.Wait()
			hangUp()
			synctest.Wait()
			if first.Code == 0 || d.InProgress() != 1 {
				t.Errorf("the first is answered: %t, %d messages are in progress", first.Code != 0, d.InProgress())
			}
			for range cap(d.places) {
				<-d.places
			}
			close(d.open)
			synctest.Wait()
			if repeat.Code != http.StatusOK || repeat.Body.String() != "Hello, thanks for the new message." {
				t.Errorf("the repeat got %d %q", repeat.Code, repeat.Body)
			}
		})
	})
	t.Run("leaves its message to a repeat between two attempts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(conversation.Counter{})
			close(d.open)
			away := true
			dial := d.store.pool.Dial
			d.store.pool.Dial = func() (redis.Conn, error) {
				if away {
					return nil, errCut
				}
				return dial()
			}
			ctx, hangUp := context.WithCancel(t.Context())
			d.ask(ctx, d.sms, "+12025550143", "SMa")
			synctest.Wait()
			repeat, _ := d.ask(t.Context(), d.sms, "+12025550143", "SMa")
			synctest.Wait()
			away = false
			hangUp()
			synctest.Wait()
			if repeat.Code != http.StatusOK || d.InProgress() != 0 {
				t.Errorf("the repeat got %d %q, %d are in progress", repeat.Code, repeat.Body, d.InProgress())
			}
		})
	})
	t.Run("leaves the line at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(conversation.Counter{})
			ctx, hangUp := context.WithCancel(t.Context())
			d.ask(t.Context(), d.sms, "+12025550143", "SMa")
			synctest.Wait()
			for i := range 63 {
				d.ask(ctx, d.sms, "+12025550143", fmt.Sprint("SM", i))
			}
			synctest.Wait()
			hangUp()
			synctest.Wait()
			if n := d.InProgress(); n != 1 {
				t.Errorf("%d messages are in progress, want the first", n)
			}
			close(d.open)
		})
	})
	t.Run("does not interrupt a commit that was sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(conversation.Counter{})
			w, in := d.hangUpAfterSending(t)
			d.cut.Store(true) // the outcome of the commit is not known
			close(d.open)
			time.Sleep(time.Second) // longer than the pause
			synctest.Wait()
			if w.Code != http.StatusOK || in.report.Result != Begun {
				t.Errorf("got %d %q, %q", w.Code, w.Body, in.report.Result)
			}
		})
	})
	t.Run("does not count as gone once something was sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(conversation.Counter{})
			w, _ := d.hangUpAfterSending(t)
			time.Sleep(11 * time.Second)
			d.cut.Store(true)
			close(d.open)
			synctest.Wait()
			if want := "save session: connection lost"; !strings.Contains(w.Body.String(), want) {
				t.Errorf("got %d %q, want %q", w.Code, w.Body, want)
			}
		})
	})
}

// hangUpAfterSending sends a message whose client hangs up once both steps of its commit are sent.
func (d *desk) hangUpAfterSending(t *testing.T) (*httptest.ResponseRecorder, *incoming) {
	t.Helper()
	d.store.recent.trust = fullTrust
	d.store.recent.saved(running, recordAfter(1))
	ctx, hangUp := context.WithCancel(t.Context())
	in := &incoming{message: conversation.Message{SID: "SMa", From: "+12025550143", To: "+15005550006"}}
	r := httptest.NewRequestWithContext(context.WithValue(ctx, incomingKey{}, in), "POST", "/sms", nil)
	r.Header.Set("Cookie", CookieName+"="+running) // the record is guessed, so the commit is the first command that is sent
	w := httptest.NewRecorder()
	go d.sms.ServeHTTP(w, r)
	synctest.Wait()
	if d.sent.Load() != 2 {
		t.Fatalf("%d steps were sent", d.sent.Load())
	}
	hangUp()
	return w, in
}

// BenchmarkWaitingMessage measures the cost of a message that waits for its turn, without the part of net/http.
func BenchmarkWaitingMessage(b *testing.B) {
	b.Run("of its own", func(b *testing.B) { waitingMessages(b, 64, func(i int) string { return fmt.Sprint("SM", i) }) })
	b.Run("repeated", func(b *testing.B) { waitingMessages(b, 1, func(int) string { return "SM" }) })
}

func waitingMessages(b *testing.B, perLine int, sid func(i int) string) {
	const conversations = 60
	for b.Loop() {
		d := newDesk(conversation.Counter{})
		for range cap(d.places) {
			d.places <- struct{}{}
		}
		var requests []*http.Request
		for i := range conversations * 64 {
			in := &incoming{message: conversation.Message{SID: sid(i), From: fmt.Sprint("+1202555", 1000+i/64), To: "+15005550006"}}
			requests = append(requests, httptest.NewRequestWithContext(context.WithValue(b.Context(), incomingKey{}, in), "POST", "/sms", nil))
		}
		before := held()
		for _, r := range requests {
			go d.sms.ServeHTTP(&response{header: http.Header{}}, r)
		}
		for d.InProgress() < conversations*perLine {
			runtime.Gosched()
		}
		time.Sleep(100 * time.Millisecond) // until the last ones have stopped
		b.ReportMetric(float64(held()-before)/float64(len(requests)), "B/message")
		runtime.KeepAlive(requests)
	}
}

// held returns the memory of live objects and stacks.
func held() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
