package server_test

import (
	"context"
	"errors"
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

func TestBothRoutesCountOnce(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		one, other := newReplica(t, addr), newReplica(t, addr)
		n := 0
		for _, routes := range [][2]string{
			{"/sms", "/sms/fallback"}, {"/sms/fallback", "/sms"}, {"/sms/fallback", "/sms/fallback"},
		} {
			n++
			p := message("hello").to(routes[0])
			a := p.send(one.public)
			a.says(t, tutorial(n))
			// Twilio says at the fallback URL what went wrong at the first.
			again := p.again().to(routes[1]).with("ErrorCode", "11205").with("ErrorUrl", publicURL+"/sms")
			if b := again.send(other.public); b.body != a.body || b.status != http.StatusOK {
				t.Errorf("%s got %q, %s before it %q", routes[1], b.body, routes[0], a.body)
			}
		}
		message("hello").send(one.public).says(t, tutorial(n+1))
	})
}

func TestBothRoutesAtOnceCountOnce(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		replicas := []*replica{newReplica(t, addr), newReplica(t, addr)}
		for n := 1; n <= 10; n++ {
			p := message("hello")
			var group sync.WaitGroup
			var answers [6]answer
			for i := range answers {
				request := p.again().to([]string{"/sms", "/sms/fallback"}[i%2]).request()
				group.Go(func() { answers[i] = serve(replicas[i/2%2].public, request) })
			}
			group.Wait()
			for _, a := range answers {
				a.says(t, tutorial(n))
			}
		}
	})
}

func TestWhileRedisIsAway(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		proxy := redistest.StartProxy(t, addr)
		r := newReplica(t, proxy.Addr(), withBudget(200*time.Millisecond))
		cookie := message("hello").send(r.public).says(t, tutorial(1))
		proxy.Down()

		t.Run("the primary URL answers 503 with Retry-After", func(t *testing.T) {
			a := message("hello").carrying(cookie).send(r.public)
			a.refused(t, http.StatusServiceUnavailable)
			if a.header.Get("Retry-After") == "" {
				t.Error("it has no Retry-After")
			}
			line := r.log.last(t)
			if line["level"] != "ERROR" || line["result"] != "unavailable" || line["error"] == nil {
				t.Errorf("the log line is %v", line)
			}
		})
		t.Run("the fallback URL apologises in TwiML", func(t *testing.T) {
			a := message("hello").to("/sms/fallback").carrying(cookie).send(r.public)
			a.says(t, apology)
			if len(a.cookies) > 0 {
				t.Errorf("it sets %v", a.cookies)
			}
			line := r.log.last(t)
			if line["level"] != "ERROR" || line["result"] != "apology" || line["status"] != 200.0 || line["error"] == nil {
				t.Errorf("the log line is %v", line)
			}
		})
		t.Run("what is wrong is refused as ever", func(t *testing.T) {
			for _, f := range faults()[:5] {
				p := message("hello").to("/sms/fallback")
				f.spoil(p)
				if p.signature = p.sign(); f.name == "form" {
					p.body = "Broken=%"
				}
				p.send(r.public).refused(t, f.status)
			}
		})
		t.Run("a client that hangs up is not a failure of the service", func(t *testing.T) {
			gone, hangUp := context.WithCancel(t.Context())
			hangUp()
			for _, route := range []string{"/sms", "/sms/fallback"} {
				serve(r.public, message("hello").to(route).carrying(cookie).request().WithContext(gone))
				if line := r.log.last(t); line["level"] != "INFO" || line["result"] != "client_gone" {
					t.Errorf("%s: the log line is %v", route, line)
				}
			}
		})
		proxy.Up()
		t.Run("when it is back the next message is counted", func(t *testing.T) {
			message("hello").carrying(cookie).send(newReplica(t, proxy.Addr()).public).says(t, tutorial(2))
		})
	})
}

func TestAnOutageWithinTheBudgetCostsADelay(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		proxy := redistest.StartProxy(t, addr)
		r := newReplica(t, proxy.Addr())
		cookie := message("hello").send(r.public).says(t, tutorial(1))
		dial, refused := r.pool.DialContext, make(chan struct{}, 1)
		r.pool.DialContext = func(ctx context.Context) (redis.Conn, error) {
			c, err := dial(ctx)
			if err != nil && len(refused) == 0 {
				refused <- struct{}{}
			}
			return c, err
		}
		proxy.Down()
		delayed := make(chan answer)
		request := message("hello").carrying(cookie).request()
		go func() { delayed <- serve(r.public, request) }()
		<-refused
		proxy.Up()
		(<-delayed).says(t, tutorial(2))
		if line := r.log.last(t); line["attempts"].(float64) < 2 {
			t.Errorf("the log line is %v: the outage was not felt", line)
		}
		proxy.CutReplies(0.3, 7)
		for n := 3; n <= 8; n++ {
			message("hello").carrying(cookie).send(r.public).says(t, tutorial(n))
		}
		if proxy.Cuts() == 0 {
			t.Error("no reply was lost: the test has tested nothing")
		}
	})
}

// never is a pool of connections to a Redis that is not there. It needs no network, so that time can be made to pass.
func never(s *settings) {
	s.session.Pool = &redis.Pool{DialContext: func(context.Context) (redis.Conn, error) { return nil, errors.New("Redis is not there") }}
}

func TestTheBudgetIsSpentAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, "", never)
		for _, route := range []string{"/sms", "/sms/fallback"} {
			start := time.Now()
			a := message("hello").to(route).send(r.public)
			if took := time.Since(start); took < 9*time.Second || took > 11*time.Second {
				t.Errorf("%s answered after %v, want the budget of 10 s", route, took)
			}
			if want := map[string]int{"/sms": 503, "/sms/fallback": 200}[route]; a.status != want {
				t.Errorf("%s answered %d, want %d", route, a.status, want)
			}
			if took := r.log.last(t)["duration_ms"].(float64); took < 9000 || took > 11000 {
				t.Errorf("duration_ms is %v, want the budget of 10 s", took)
			}
		}
	})
}

func TestWhenTooManyWaitTheNextIsToldAtOnce(t *testing.T) {
	const many = 4096
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, "", never)
		requests := make([]*http.Request, many)
		for i := range requests {
			requests[i] = message("hello").request()
		}
		statuses := make([]int, many)
		var group sync.WaitGroup
		for i, request := range requests {
			group.Go(func() { statuses[i] = serve(r.public, request).status })
		}
		synctest.Wait() // all are waiting
		start := time.Now()
		a := message("hello").send(r.public)
		a.refused(t, http.StatusServiceUnavailable)
		if a.header.Get("Retry-After") == "" {
			t.Error("it has no Retry-After")
		}
		if line := r.log.last(t); line["result"] != "busy" || line["level"] != "ERROR" || line["error"] != session.ErrBusy.Error() {
			t.Errorf("the log line is %v", line)
		}
		message("hello").to("/sms/fallback").send(r.public).says(t, apology)
		message("HELP").send(r.public).saysNothing(t)
		if took := time.Since(start); took > 0 {
			t.Errorf("they were told after %v", took)
		}
		group.Wait()
		for _, status := range statuses {
			if status != http.StatusServiceUnavailable {
				t.Fatalf("one of those that waited got %d, want 503", status)
			}
		}
		start = time.Now()
		message("hello").send(r.public)
		if took := time.Since(start); took < time.Second {
			t.Error("when all have gone the next one is not let in")
		}
	})
}

func TestARecordOfALaterVersionIsNotTouched(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		cookie := message("hello").send(r.public).says(t, tutorial(1))
		record, _ := conversationKeys(t, conn)
		do(t, conn, "EVAL", `local v = string.gsub(redis.call('GET', KEYS[1]), '"version":1', '"version":99')
			return redis.call('SET', KEYS[1], v, 'KEEPTTL')`, 1, record)
		before := dump(t, conn, []string{record, pointerKey})
		a := message("hello").carrying(cookie).send(r.public)
		a.refused(t, http.StatusServiceUnavailable)
		if a.header.Get("Retry-After") == "" {
			t.Error("it has no Retry-After")
		}
		message("hello").to("/sms/fallback").send(r.public).says(t, apology)
		if after := dump(t, conn, []string{record, pointerKey}); after != before {
			t.Errorf("the keys were %s and are %s", before, after)
		}
	})
}
