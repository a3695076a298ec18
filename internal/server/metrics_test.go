package server_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/prometheus/client_golang/prometheus"

	"smsession/internal/redistest"
	"smsession/internal/server"
	"smsession/internal/session"
)

// scraped is the page of a scrape: the value of each series, by its name and labels as they stand there.
type scraped map[string]float64

func scrape(tb testing.TB, r *replica) scraped {
	tb.Helper()
	a := get(r.Admin(false), "/metrics")
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		tb.Fatalf("the scrape got %d %s", a.status, a.header.Get("Content-Type"))
	}
	page := scraped{}
	for lines := bufio.NewScanner(strings.NewReader(a.body)); lines.Scan(); {
		if line := lines.Text(); !strings.HasPrefix(line, "#") {
			space := strings.LastIndexByte(line, ' ')
			value, err := strconv.ParseFloat(line[space+1:], 64)
			if err != nil {
				tb.Fatalf("the line %q has no value: %v", line, err)
			}
			page[line[:space]] = value
		}
	}
	return page
}

// messages is the name of the series that counts a result on a route.
func messages(route, result any) string {
	return fmt.Sprintf(`smsession_messages_total{result="%v",route="%v"}`, result, route)
}

// variety sends a message of every kind to a route.
func variety(r *replica, route string) {
	cookie := cookieOf(message("hello").to(route).send(r.public)).Value
	repeated, wrong, put, other := message("hello"), message("hello"), message("hello"), message("hello").with("AccountSid", "AC1")
	wrong.signature, put.method = "none", "PUT"
	for _, p := range []*post{
		repeated, repeated.again(), message("HELP"), message("START"), message("again"), message("STOP"), message("break"), wrong, put, other,
		message("hello").with("From"), raw(message("a%b"), "%25", "%"), withType(message("hello"), "text/plain"), message(strings.Repeat("x", 64<<10)),
	} {
		p.to(route).carrying(cookie).send(r.public)
	}
}

// Every message is in the log by its result, which other tests hold to what happened.
func TestTheMetricsCountWhatTheLogTells(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		proxy := redistest.StartProxy(t, addr)
		r := newReplica(t, proxy.Addr(), withAccount, withResponder(faulty{}), withBudget(200*time.Millisecond),
			func(s *settings) { s.session.MaxReplies = 4 })
		routes := []string{"/sms", "/sms/fallback"}
		for _, route := range routes {
			variety(r, route)
		}
		proxy.Down()
		for _, route := range routes {
			message("hello").to(route).send(r.public)
		}
		get(r.public, "/healthz")
		get(r.public, "/nothing")

		want, attempts := map[string]float64{}, 0.0
		for _, line := range r.log.lines(t, "request") {
			if path := line["path"]; slices.Contains(routes, path.(string)) {
				want[messages(path, line["result"])]++
				if n, ok := line["attempts"].(float64); ok {
					attempts += max(n-1, 0)
				}
			}
		}
		if len(want) < 25 {
			t.Errorf("the log tells of %d results alone: %v", len(want), want)
		}
		page := scrape(t, r)
		for series, value := range page {
			if strings.HasPrefix(series, "smsession_messages_total") && value != want[series] {
				t.Errorf("%s is %v, the log has %v", series, value, want[series])
			}
			delete(want, series)
		}
		if len(want) > 0 {
			t.Errorf("the log tells of what is not counted: %v", want)
		}
		if got := page["smsession_retries_total"]; got != attempts || got == 0 {
			t.Errorf("%v retries are counted, the log has %v", got, attempts)
		}
		if got := page["smsession_retry_wait_seconds_total"]; got <= 0 || got > 60 {
			t.Errorf("messages waited for %v s", got)
		}
	})
}

func TestEverySeriesIsThereBeforeTheFirstMessageAndNoneComesAfterIt(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		r := newReplica(t, addr, withAccount, withResponder(faulty{}))
		before := scrape(t, r)
		for _, route := range []string{"/sms", "/sms/fallback"} {
			for _, result := range session.Results() {
				if value, found := before[messages(route, result)]; !found || value != 0 {
					t.Errorf("%s is %v (%t) before the first message", messages(route, result), value, found)
				}
			}
		}
		variety(r, "/sms")
		for i := range 20 { // strangers
			serve(r.public, httptest.NewRequest("POST", fmt.Sprint("/sms/", i), nil))
			serve(r.public, httptest.NewRequest(fmt.Sprint("M", i), "/sms", nil))
			serve(r.public, httptest.NewRequest("POST", "/sms?"+fmt.Sprint(i), nil))
			message("hello").with("From", fmt.Sprintf("+1202555%04d", i)).send(r.public)
		}
		for series := range scrape(t, r) {
			if _, found := before[series]; !found {
				t.Errorf("%s is new", series)
			}
			if strings.Contains(series, "555") {
				t.Errorf("%s looks like a number", series)
			}
		}
	})
}

func TestAConflictIsCounted(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		one, other := newReplica(t, addr), newReplica(t, addr)
		cookie := message("hello").send(one.public).says(t, tutorial(1))
		for n := 2; n <= 5; n++ { // until it trusts what it remembers
			message("hello").carrying(cookie).send(one.public).says(t, tutorial(n))
		}
		message("hello").carrying(cookie).send(other.public).says(t, tutorial(6))
		before := scrape(t, one)
		message("hello").carrying(cookie).send(one.public).says(t, tutorial(7))
		after := scrape(t, one)
		for _, series := range []string{"smsession_commit_conflicts_total", "smsession_retries_total"} {
			if before[series] != 0 || after[series] != 1 {
				t.Errorf("%s was %v and is %v, want 0 and 1", series, before[series], after[series])
			}
		}
		if after["smsession_request_duration_seconds_count"] != 6 {
			t.Errorf("%v answers are timed, want 6", after["smsession_request_duration_seconds_count"])
		}
	})
}

func TestAQuarantinedRecordIsCounted(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		message("hello").send(r.public).says(t, tutorial(1))
		record, _ := conversationKeys(t, conn)
		do(t, conn, "SET", record, "broken")
		message("hello").send(r.public).says(t, tutorial(1))
		if got := scrape(t, r)["smsession_quarantined_records_total"]; got != 1 {
			t.Errorf("%v records are counted, want 1", got)
		}
	})
}

func TestMessagesInProgressAreCounted(t *testing.T) {
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		const waiting = 7
		proxy := redistest.StartProxy(t, addr)
		r := newReplica(t, proxy.Addr())
		proxy.Down()
		done := make(chan struct{})
		for i := range waiting {
			request := message("hello").with("From", fmt.Sprintf("+1202555%04d", i)).request()
			go func() { serve(r.public, request); done <- struct{}{} }()
		}
		const series = "smsession_messages_in_progress"
		for deadline := time.Now().Add(9 * time.Second); scrape(t, r)[series] != waiting; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%v are in progress, want %d", scrape(t, r)[series], waiting)
			}
		}
		proxy.Up()
		for range waiting {
			<-done
		}
		if got := scrape(t, r)[series]; got != 0 {
			t.Errorf("%v are in progress when all are answered", got)
		}
	})
}

func TestTheMetricsTellHowLongRedisIsAway(t *testing.T) {
	const series = "smsession_redis_away_seconds"
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, noRefusal)
		away := func() float64 { return scrape(t, w.replica)[series] }
		for _, step := range []struct {
			name        string
			ping        error
			passes      time.Duration
			least, most float64
		}{
			{"it was never there", errAway, 30 * time.Second, 30, 30},
			{"it is there", nil, 30 * time.Second, 0, 1},
			{"it is away", errAway, 30 * time.Second, 30, 31},
			{"it is back", nil, 30 * time.Second, 0, 1},
		} {
			w.set(step.ping)
			pass(step.passes)
			if got := away(); got < step.least || got > step.most {
				t.Errorf("%s: %v s, want %v to %v", step.name, got, step.least, step.most)
			}
		}
		w.stop()
		w.end(t)
	})
}

func TestTheMetricsAreTheOperatorsAlone(t *testing.T) {
	r := newReplica(t, "127.0.0.1:1")
	get(r.public, "/metrics").refused(t, http.StatusNotFound)
	if a := serve(r.Admin(false), httptest.NewRequest("HEAD", "/metrics", nil)); a.status != http.StatusOK {
		t.Errorf("HEAD /metrics = %d", a.status)
	}
	serve(r.Admin(false), httptest.NewRequest("POST", "/metrics", nil)).refused(t, http.StatusMethodNotAllowed)
}

func TestTwoServersHaveMetricsOfTheirOwn(t *testing.T) {
	registry := prometheus.NewRegistry()
	one, other := newReplica(t, "127.0.0.1:1", func(s *settings) { s.server.Registry = registry }), newReplica(t, "127.0.0.1:1")
	message("HELP").send(one.public)
	if got := scrape(t, one)[messages("/sms", "help")]; got != 1 {
		t.Errorf("the first counts %v", got)
	}
	if got := scrape(t, other)[messages("/sms", "help")]; got != 0 {
		t.Errorf("the other counts %v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("two servers count in one place")
		}
	}()
	server.New(one.Options)
}
