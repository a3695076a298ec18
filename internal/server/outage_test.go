package server_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
	"smsession/internal/session"
)

const apology = "Sorry, we could not take your message just now. Please send it again in a few minutes."

func TestOutage(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		proxy := redistest.StartProxy(t, s.addr)
		synctest.Test(t, func(t *testing.T) {
			sendDuringOutage(t, proxy)
			message("hello").send(newReplica(t, s.addr).public).counts(t, 2) // Redis is back
		})
	})
}

// sendDuringOutage sends a message, and then others while the proxy is down.
func sendDuringOutage(t *testing.T, proxy *redistest.Proxy) {
	r := newReplica(t, proxy.Addr())
	cookie := message("hello").send(r.public).counts(t, 1)
	proxy.Down()

	for _, route := range routes {
		start := time.Now()
		got := message("hello").to(route).carrying(cookie).send(r.public)
		if took := time.Since(start); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("%s answered after %v, want the budget of 10 s", route, took)
		}
		result := "unavailable"
		if route == "/sms" {
			got.refused(t, http.StatusServiceUnavailable)
		} else {
			got.says(t, apology)
			got.setsNoCookie(t)
			result = "apology"
		}
		line := r.log.wantLast(t, "ERROR", result)
		if took := line["duration_ms"].(float64); line["status"] != float64(got.Status) || line["error"] == nil ||
			took < 9000 || took > 11000 {
			t.Errorf("the log line is %v", line)
		}
	}
	for _, f := range faults()[:5] { // wrong requests are refused as always
		request := message("hello").to("/sms/fallback")
		f.spoil(request)
		if request.signature = request.sign(); f.name == "form" {
			request.body = "Broken=%"
		}
		request.send(r.public).refused(t, f.status)
	}
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	for _, route := range routes { // a client that hangs up is not a failure of the service
		serve(r.public, message("hello").to(route).carrying(cookie).build().WithContext(gone))
		r.log.wantLast(t, "INFO", "client_gone")
	}
}

func TestShortOutage(t *testing.T) {
	t.Run("a message waits until Redis is back", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			proxy := redistest.StartProxy(t, s.addr)
			r := newReplica(t, proxy.Addr())
			cookie := message("hello").send(r.public).counts(t, 1)
			dial, refused := r.pool.DialContext, make(chan struct{}, 1)
			r.pool.DialContext = func(ctx context.Context) (redis.Conn, error) {
				c, err := dial(ctx)
				if err != nil && len(refused) == 0 {
					refused <- struct{}{}
				}
				return c, err
			}
			proxy.Down()
			delayed := make(chan reply)
			request := message("hello").carrying(cookie).build()
			go func() { delayed <- serve(r.public, request) }()
			<-refused
			proxy.Up()
			(<-delayed).counts(t, 2)
			if line := r.log.wantLast(t, "INFO", "continued"); line["attempts"].(float64) < 2 {
				t.Errorf("the log line is %v, want more than one attempt", line)
			}
		})
	})
	t.Run("lost replies of Redis are not lost messages", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			proxy := redistest.StartProxy(t, s.addr)
			proxy.CutReplies(0.2, 7)
			synctest.Test(t, func(t *testing.T) {
				r := newReplica(t, proxy.Addr())
				cookie := ""
				for n := 1; n <= 20; n++ {
					cookie = message("hello").carrying(cookie).send(r.public).counts(t, n)
				}
			})
			if proxy.Cuts() == 0 {
				t.Error("no reply was lost, so the test has tested nothing")
			}
		})
	})
}

func TestTooManyMessages(t *testing.T) {
	const many = 4096
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, "", withoutRedis)
		var group sync.WaitGroup
		statuses := make([]int, many)
		for i := range many {
			request := message("hello").build()
			group.Go(func() { statuses[i] = serve(r.public, request).Status })
		}
		synctest.Wait() // all of them wait for Redis
		start := time.Now()
		message("hello").send(r.public).refused(t, http.StatusServiceUnavailable)
		if line := r.log.wantLast(t, "ERROR", "busy"); line["error"] != session.ErrBusy.Error() {
			t.Errorf("the log line is %v", line)
		}
		message("hello").to("/sms/fallback").send(r.public).says(t, apology)
		message("HELP").send(r.public).saysNothing(t)
		if took := time.Since(start); took > 0 {
			t.Errorf("they were answered after %v, want at once", took)
		}
		group.Wait()
		for _, status := range statuses {
			if status != http.StatusServiceUnavailable {
				t.Fatalf("a message that waited got %d, want 503", status)
			}
		}
		start = time.Now()
		message("hello").send(r.public)
		if took := time.Since(start); took < time.Second {
			t.Error("after all clients have hung up, the next message does not wait for Redis")
		}
	})
}

func TestLaterVersion(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr)
		cookie := message("hello").send(r.public).counts(t, 1)
		s.do(t, "EVAL", `local v = string.gsub(redis.call('GET', KEYS[1]), '"version":1', '"version":99')
			return redis.call('SET', KEYS[1], v, 'KEEPTTL')`, 1, s.record(t))
		before := s.snapshot(t)
		message("hello").carrying(cookie).send(r.public).refused(t, http.StatusServiceUnavailable)
		message("hello").to("/sms/fallback").send(r.public).says(t, apology)
		if after := s.snapshot(t); after != before {
			t.Errorf("the keys were %s and are %s", before, after)
		}
	})
}
