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
	if isOfCommit(command, args) {
		h.sent.Add(1)
	}
	<-h.open
	if command == "EVALSHA" {
		return h.run(command, copied(args))
	}
	return nil, errors.New("unexpected")
}

// hung is a Manager whose Redis answers nothing before open is closed.
type hung struct {
	*Manager
	open chan struct{}
	sent *atomic.Int64
	cut  *atomic.Bool
}

func newHung(responder conversation.Responder) *hung {
	h := &hung{open: make(chan struct{}), sent: new(atomic.Int64), cut: new(atomic.Bool)}
	held, lock := newModel(), new(sync.Mutex)
	run := func(command string, args []string) (any, error) {
		lock.Lock()
		defer lock.Unlock()
		return held.do(command, args)
	}
	h.Manager = New(Options{SCS: sharedSCS, Pool: &redis.Pool{Dial: func() (redis.Conn, error) {
		return &hanging{run: run, open: h.open, sent: h.sent, cut: h.cut}, nil
	}}, Connections: 64, Prefix: "sms:", IdleTimeout: time.Hour, Lifetime: time.Hour, Budget: 10 * time.Second,
		Responder: responder})
	return h
}

// ask sends a message in the background. The result can be read when it has been answered.
func (h *hung) ask(ctx context.Context, from, sid string) *served {
	in := incoming(sid, false)
	in.From = from
	s := &served{}
	go func() { *s = serveContext(ctx, h.Manager, in, "") }()
	return s
}

func TestCapturedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHung(conversation.Counter{})
		captured := make([]*served, 5000)
		for i := range captured {
			captured[i] = h.ask(t.Context(), from, "SMcaptured")
		}
		for i := range 100 { // the load that a sender can cause in the sender's own conversation
			h.ask(t.Context(), "+12025550144", fmt.Sprint("SM", i))
		}
		synctest.Wait()
		other := h.ask(t.Context(), "+12025550199", "SMother")
		synctest.Wait()
		if n := h.InProgress(); n != 1+64+1 {
			t.Errorf("%d messages are in progress, want 66", n)
		}
		close(h.open)
		synctest.Wait()
		codes := map[int]int{}
		for _, got := range captured {
			codes[got.code]++
		}
		if codes[http.StatusOK] != 65 || codes[http.StatusServiceUnavailable] != 5000-65 {
			t.Errorf("the captured request got %v, want 65 answers, and 503 for all others", codes)
		}
		if other.code != http.StatusOK || other.text != "Hello, thanks for the new message." {
			t.Errorf("the other message got %d %q", other.code, other.text)
		}
		if n := h.InProgress(); n != 0 {
			t.Errorf("%d messages are in progress at the end", n)
		}
	})
}

func TestSharedOutcome(t *testing.T) {
	t.Run("each request gets the reply and the cookie", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHung(conversation.Counter{})
			first := h.ask(t.Context(), from, "SMa")
			synctest.Wait()
			repeat := h.ask(t.Context(), from, "SMa")
			synctest.Wait()
			close(h.open)
			synctest.Wait()
			for _, got := range []*served{first, repeat} {
				if got.code != http.StatusOK || got.text != "Hello, thanks for the new message." {
					t.Errorf("got %d %q", got.code, got.text)
				}
			}
			if first.cookie == "" || repeat.cookie != first.cookie {
				t.Errorf("the cookies are %q and %q", first.cookie, repeat.cookie)
			}
			if repeat.outcome.Result != Repeated || repeat.outcome.Attempts != 0 {
				t.Errorf("the outcome of the repeat is %+v", repeat.outcome)
			}
			if sent := h.sent.Load(); sent != 2 {
				t.Errorf("%d calls were sent, want those of one commit", sent)
			}
		})
	})
}

func TestSharedFailure(t *testing.T) {
	t.Run("the handler of each request answers it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHung(conversation.Counter{})
			routes := map[string]*httptest.ResponseRecorder{}
			for _, route := range []string{"/sms", "/sms/fallback"} {
				w := httptest.NewRecorder()
				routes[route] = w
				r := httptest.NewRequestWithContext(t.Context(), "POST", route, nil)
				go h.Middleware(admits(incoming("SMa", false)), func(w http.ResponseWriter, r *http.Request) {
					fmt.Fprint(w, r.URL.Path)
				})(nil).ServeHTTP(w, r)
				synctest.Wait()
			}
			time.Sleep(11 * time.Second)
			close(h.open)
			synctest.Wait()
			for route, w := range routes {
				if w.Body.String() != route {
					t.Errorf("at %s the handler of %q answered", route, w.Body)
				}
			}
		})
	})
	t.Run("a repeat gets an error if the goroutine that it follows ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHung(exiting{})
			h.ask(t.Context(), from, "SMa")
			synctest.Wait()
			repeat := h.ask(t.Context(), from, "SMa")
			synctest.Wait()
			close(h.open)
			synctest.Wait()
			if repeat.outcome.Err != errPanicked || h.InProgress() != 0 {
				t.Errorf("the repeat got %v, %d are in progress", repeat.outcome.Err, h.InProgress())
			}
		})
	})
	t.Run("a repeat gets an error if the request that it follows panics", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHung(panicking{})
			first := h.ask(t.Context(), from, "SMa")
			synctest.Wait()
			repeat := h.ask(t.Context(), from, "SMa")
			synctest.Wait()
			close(h.open)
			synctest.Wait()
			_, isPanic := errors.AsType[*PanicError](first.outcome.Err)
			if !isPanic || repeat.outcome.Err != errPanicked || h.InProgress() != 0 {
				t.Errorf("the request got %v, the repeat got %v, %d are in progress", first.outcome.Err,
					repeat.outcome.Err, h.InProgress())
			}
		})
	})
}

// exiting ends its goroutine, as a failed assertion does.
type exiting struct{ conversation.Counter }

func (exiting) Respond(context.Context, conversation.State,
	conversation.Message) (conversation.State, conversation.Reply, error) {
	runtime.Goexit()
	panic("unreachable")
}

// panicking is the tutorial's conversation with a bug.
type panicking struct{ conversation.Counter }

func (panicking) Respond(context.Context, conversation.State,
	conversation.Message) (conversation.State, conversation.Reply, error) {
	panic("a bug")
}

func TestHangUpBeforeSending(t *testing.T) {
	t.Run("a repeat takes over if nothing was sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHung(conversation.Counter{})
			ctx, hangUp := context.WithCancel(t.Context())
			free := h.useAllSlots()
			first := h.ask(ctx, from, "SMa")
			synctest.Wait()
			repeat := h.ask(t.Context(), from, "SMa")
			synctest.Wait()
			hangUp()
			synctest.Wait()
			if first.code == 0 || h.InProgress() != 1 {
				t.Errorf("the first is answered: %t, %d messages are in progress", first.code != 0, h.InProgress())
			}
			free()
			close(h.open)
			synctest.Wait()
			if repeat.code != http.StatusOK || repeat.text != "Hello, thanks for the new message." {
				t.Errorf("the repeat got %d %q", repeat.code, repeat.text)
			}
		})
	})
	t.Run("a repeat takes over between two attempts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHung(conversation.Counter{})
			close(h.open)
			away := true
			pool := h.options.Pool.(*redis.Pool)
			dial := pool.Dial
			pool.Dial = func() (redis.Conn, error) {
				if away {
					return nil, errCut
				}
				return dial()
			}
			ctx, hangUp := context.WithCancel(t.Context())
			h.ask(ctx, from, "SMa")
			synctest.Wait()
			repeat := h.ask(t.Context(), from, "SMa")
			synctest.Wait()
			away = false
			hangUp()
			synctest.Wait()
			if repeat.code != http.StatusOK || h.InProgress() != 0 {
				t.Errorf("the repeat got %d %q, %d are in progress", repeat.code, repeat.text, h.InProgress())
			}
		})
	})
	t.Run("messages that wait leave the queue at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHung(conversation.Counter{})
			ctx, hangUp := context.WithCancel(t.Context())
			h.ask(t.Context(), from, "SMa")
			synctest.Wait()
			for i := range 63 {
				h.ask(ctx, from, fmt.Sprint("SM", i))
			}
			synctest.Wait()
			hangUp()
			synctest.Wait()
			if n := h.InProgress(); n != 1 {
				t.Errorf("%d messages are in progress, want the first", n)
			}
			close(h.open)
		})
	})
}

func TestHangUpAfterSending(t *testing.T) {
	t.Run("a commit that was sent is not interrupted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHung(conversation.Counter{})
			got := h.hangUpAfterSending(t)
			h.cut.Store(true) // the outcome of the commit is not known
			close(h.open)
			time.Sleep(time.Second) // longer than the pause
			synctest.Wait()
			if got.code != http.StatusOK || got.outcome.Result != Begun {
				t.Errorf("got %d %q, %q", got.code, got.text, got.outcome.Result)
			}
		})
	})
	t.Run("the error is not ErrGone after a command was sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHung(conversation.Counter{})
			got := h.hangUpAfterSending(t)
			time.Sleep(11 * time.Second)
			h.cut.Store(true)
			close(h.open)
			synctest.Wait()
			if want := "save session: connection lost"; !strings.Contains(got.text, want) {
				t.Errorf("got %d %q, want %q", got.code, got.text, want)
			}
		})
	})
}

// useAllSlots takes all slots, and returns a function that frees them.
func (h *hung) useAllSlots() (free func()) {
	for range cap(h.slots) {
		<-h.slots
	}
	return func() {
		for range cap(h.slots) {
			h.slots.release()
		}
	}
}

// hangUpAfterSending sends a message whose client hangs up once both calls of its commit are sent.
func (h *hung) hangUpAfterSending(t *testing.T) *served {
	t.Helper()
	h.cache.score.Store(maxScore)
	h.cache.add(running, nil, recordAfter(1)) // the commit is then the first command that is sent
	ctx, hangUp := context.WithCancel(t.Context())
	s := &served{}
	go func() { *s = serveContext(ctx, h.Manager, incoming("SMa", false), running) }()
	synctest.Wait()
	if h.sent.Load() != 2 {
		t.Fatalf("%d calls were sent", h.sent.Load())
	}
	hangUp()
	return s
}

// BenchmarkWaitingMessage measures the memory of a message that waits, without the part of net/http.
func BenchmarkWaitingMessage(b *testing.B) {
	b.Run("of its own", func(b *testing.B) {
		waitingMessages(b, 64, func(i int) string { return fmt.Sprint("SM", i) })
	})
	b.Run("repeated", func(b *testing.B) { waitingMessages(b, 1, func(int) string { return "SM" }) })
}

func waitingMessages(b *testing.B, perLine int, sid func(i int) string) {
	const conversations = 60
	for b.Loop() {
		h := newHung(conversation.Counter{})
		h.useAllSlots()
		var requests []*http.Request
		messages := map[*http.Request]*Incoming{}
		for i := range conversations * 64 {
			in := incoming(sid(i), false)
			in.From = fmt.Sprint("+1202555", 1000+i/64)
			r := httptest.NewRequestWithContext(b.Context(), "POST", "/sms", nil)
			requests, messages[r] = append(requests, r), &in
		}
		admit := func(_ http.ResponseWriter, r *http.Request) *Incoming { return messages[r] }
		sms := h.Middleware(admit, func(http.ResponseWriter, *http.Request) {})(http.NotFoundHandler())
		before := held()
		for _, r := range requests {
			go sms.ServeHTTP(benchResponse{http.Header{}}, r)
		}
		for h.InProgress() < conversations*perLine {
			runtime.Gosched()
		}
		time.Sleep(100 * time.Millisecond) // until the last ones have stopped
		b.ReportMetric(float64(held()-before)/float64(len(requests)), "B/message")
		runtime.KeepAlive(messages)
	}
}

// held returns the memory of live objects and stacks.
func held() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
