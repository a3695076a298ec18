package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smsession/internal/server"
)

func TestDrain(t *testing.T) {
	t.Run("the replica is not ready, but answers until the delay has passed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, "")
			if got, err := r.post("HELP"); err != nil || got.Status != http.StatusOK || got.Closes {
				t.Fatalf("before the drain, the reply is %+v, %v", got, err)
			}
			r.stop()
			start := time.Now()
			synctest.Wait()
			for range 4 { // the first one comes over the connection that was idle
				if got, err := r.post("HELP"); err != nil || got.Status != http.StatusOK || !got.Closes {
					t.Errorf("%v into the drain, the reply is %+v, %v, want one that closes the connection",
						time.Since(start), got, err)
				}
				if word := readiness(r.public); word != "draining" {
					t.Errorf("%v into the drain, the replica is %s", time.Since(start), word)
				}
				pass(time.Second)
			}
			if err := <-r.result; err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
			if took := time.Since(start); took < drain || took > drain+time.Second {
				t.Errorf("it took %v, want %v", took, drain)
			}
			if got, err := r.post("HELP"); err == nil {
				t.Errorf("after the drain, the reply is %+v, want the listener closed", got)
			}
		})
	})
	for name, wait := range map[string]time.Duration{ // from the signal to the end of the request
		"a request that ends during the drain is answered":                   3 * time.Second,
		"a request that ends after the listener has been closed is answered": drain + 3*time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			eachInBubble(t, func(t *testing.T, s *store) {
				responder := newSlow()
				r := run(t, s.addr, withResponder(responder))
				answered := make(chan reply, 1)
				go func() { got, _ := r.post("slow"); answered <- got }()
				<-responder.begun
				r.stop()
				pass(wait)
				close(responder.goOn)
				got := <-answered
				got.counts(t, 1)
				if !got.Closes {
					t.Error("the connection stays open, so a balancer can use it when the replica closes it")
				}
				if err := <-r.result; err != nil {
					t.Errorf("Run = %v, want nil", err)
				}
			})
		})
	}
	t.Run("a request that does not end is given up", func(t *testing.T) {
		eachInBubble(t, func(t *testing.T, s *store) {
			responder := newSlow()
			r := run(t, s.addr, withResponder(responder))
			failed := make(chan error, 1)
			go func() { _, err := r.post("slow"); failed <- err }()
			<-responder.begun
			r.stop()
			start := time.Now()
			if err := <-r.result; !errors.Is(err, context.DeadlineExceeded) ||
				!strings.Contains(err.Error(), "public listener") {
				t.Errorf("Run = %v, want an error that names the public listener", err)
			}
			if took := time.Since(start); took > drain+18*time.Second {
				t.Errorf("it took %v", took)
			}
			close(responder.goOn)
			if err := <-failed; err == nil {
				t.Error("the request was answered")
			}
			synctest.Wait() // the handler ends before the pool is closed
		})
	})
	// Anyone can begin a request at the last moment. This is not a failure of the service.
	t.Run("a slow client does not make the shutdown fail", func(t *testing.T) {
		inBubble(t, func(t *testing.T, r *running) {
			r.stop()
			pass(drain - time.Millisecond)
			c := r.connect(t)
			c.write(head + "Content-Length: 100\r\n\r\nFrom=")
			go func() { _, _ = io.Copy(io.Discard, c); c.Close() }()
		})
	})
}

func TestRunFails(t *testing.T) {
	t.Run("when a listener fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, "")
			synctest.Wait()
			start := time.Now()
			r.listener.Close()
			if err := <-r.result; !errors.Is(err, net.ErrClosed) {
				t.Errorf("Run = %v, want the error of the listener", err)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("when a listener fails during the drain", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, "")
			r.stop()
			synctest.Wait()
			start := time.Now()
			r.listener.Close()
			if err := <-r.result; !errors.Is(err, net.ErrClosed) ||
				!strings.Contains(err.Error(), "serve the public listener: ") {
				t.Errorf("Run = %v, want the error of the public listener", err)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("when Redis refuses the replica at the first contact", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			refusal, l := errors.New("WRONGPASS"), newPipes()
			err := newReplica(t, "", withoutRedis).Run(t.Context(), server.RunOptions{
				Public: l, Redis: "redis.example:6379",
				Ping:    func(context.Context) error { return refusal },
				Refused: func(err error) bool { return errors.Is(err, refusal) },
			})
			if !errors.Is(err, refusal) ||
				!strings.Contains(err.Error(), "the Redis at redis.example:6379 refuses us") {
				t.Errorf("Run = %v, want the refusal", err)
			}
			if _, err := l.dial(t.Context(), "", ""); err == nil {
				t.Error("the listener is still open")
			}
		})
	})
}

func TestRequestHead(t *testing.T) {
	t.Run("it may take 8 KB, but not 64 KB", func(t *testing.T) {
		inBubble(t, func(t *testing.T, r *running) {
			for size, want := range map[int]int{8 << 10: 200, 64 << 10: 431} {
				c := r.connect(t)
				go c.write(strings.Replace(ask, "\r\n\r\n", "\r\nX-Large: "+strings.Repeat("x", size)+"\r\n\r\n", 1))
				if status := c.ask(t, ""); status != want {
					t.Errorf("a head of %d KB gets %d, want %d", size>>10, status, want)
				}
				c.Close()
			}
		})
	})
	// By default, net/http answers this request itself with 200.
	t.Run("OPTIONS * is not found", func(t *testing.T) {
		inBubble(t, func(t *testing.T, r *running) {
			c := r.connect(t)
			defer c.Close()
			status := c.ask(t, "OPTIONS * HTTP/1.1\r\nHost: sms.example.com\r\n\r\n")
			if status != http.StatusNotFound {
				t.Errorf("OPTIONS * gets %d, want 404 like any other path", status)
			}
		})
	})
}

func TestRunOverTCP(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		var addr string
		t.Run("a message is answered", func(t *testing.T) {
			addr = listen(t, newReplica(t, s.addr))
			if status := connectTCP(t, addr).ask(t, message("hello").text()); status != http.StatusOK {
				t.Errorf("the answer is %d, want 200", status)
			}
		})
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			t.Error("the listener is still open after Run")
		}
	})
}
