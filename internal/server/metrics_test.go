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

	"github.com/prometheus/client_golang/prometheus"

	"smsession/internal/server"
	"smsession/internal/session"
)

// scrape returns the value of each series, by its name and labels.
func scrape(tb testing.TB, r *replica) map[string]float64 {
	tb.Helper()
	a := get(r.Admin(false), "/metrics")
	if a.Status != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
		tb.Fatalf("the scrape got %d %s", a.Status, a.Header.Get("Content-Type"))
	}
	page := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(a.Body)); lines.Scan(); {
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

// series returns the name of the series that counts a result on a route.
func series(route, result any) string {
	return fmt.Sprintf(`smsession_messages_total{result="%v",route="%v"}`, result, route)
}

// sendEachKind sends a message of every kind to a route.
func sendEachKind(r *replica, route string) {
	cookie := message("hello").to(route).send(r.public).Cookie
	repeated := message("hello")
	for _, request := range []*request{
		repeated, repeated.again(), message("HELP"), message("START"), message("again"), message("STOP"), message(
			"break"), unsigned(),
		message("hello").as("PUT"), message("hello").with("AccountSid", "AC1"), message("hello").with("From"),
		message("a%b").written("%25", "%"), message("hello").typed("text/plain"), message(strings.Repeat("x", 64<<10)),
	} {
		request.to(route).carrying(cookie).send(r.public)
	}
}

// logged counts the results of messages in the log, by the series that counts them, and the attempts after the first.
func logged(t *testing.T, r *replica) (results map[string]float64, retries float64) {
	t.Helper()
	results = map[string]float64{}
	for _, line := range r.log.lines(t, "request") {
		if path := line["path"]; slices.Contains(routes, path.(string)) {
			results[series(path, line["result"])]++
			if n, ok := line["attempts"].(float64); ok {
				retries += max(n-1, 0)
			}
		}
	}
	return results, retries
}

// TestMessagesAreCountedAsLogged compares the metrics with the log. Other tests check the log.
func TestMessagesAreCountedAsLogged(t *testing.T) {
	eachInBubble(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr, withAccount, withResponder(faulty{}), func(s *settings) { s.session.MaxReplies = 4 })
		for _, route := range routes {
			sendEachKind(r, route)
		}
		r.pool.Close() // no message can be saved from now on
		for _, route := range routes {
			message("hello").to(route).send(r.public)
		}
		get(r.public, "/healthz")
		get(r.public, "/nothing")

		want, retries := logged(t, r)
		if len(want) < 25 {
			t.Errorf("the log contains only %d results: %v", len(want), want)
		}
		page := scrape(t, r)
		for name, value := range page {
			if strings.HasPrefix(name, "smsession_messages_total") && value != want[name] {
				t.Errorf("%s is %v, but the log has %v", name, value, want[name])
			}
			delete(want, name)
		}
		if len(want) > 0 {
			t.Errorf("the log contains results that are not counted: %v", want)
		}
		if got := page["smsession_retries_total"]; got != retries || got == 0 {
			t.Errorf("%v retries are counted, but the log has %v", got, retries)
		}
		if got := page["smsession_retry_wait_seconds_total"]; got <= 0 || got > 60 {
			t.Errorf("messages waited for %v s", got)
		}
	})
}

// TestSeriesAreComplete checks that every series exists before the first message, and that no series is added later.
func TestSeriesAreComplete(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr, withAccount, withResponder(faulty{}))
		before := scrape(t, r)
		results := []session.Result{
			session.Begun, session.Continued, session.Repeated, session.Ended, session.Guarded,
		}
		for _, route := range routes {
			for _, result := range results {
				if value, found := before[series(route, result)]; !found || value != 0 {
					t.Errorf("%s is %v (%t) before the first message", series(route, result), value, found)
				}
			}
		}
		sendEachKind(r, "/sms")
		for i := range 20 { // strangers
			serve(r.public, httptest.NewRequest("POST", fmt.Sprint("/sms/", i), nil))
			serve(r.public, httptest.NewRequest(fmt.Sprint("M", i), "/sms", nil))
			serve(r.public, httptest.NewRequest("POST", fmt.Sprint("/sms?", i), nil))
			message("hello").with("From", fmt.Sprintf("+1202555%04d", i)).send(r.public)
		}
		for name := range scrape(t, r) {
			if _, found := before[name]; !found {
				t.Errorf("%s is new", name)
			}
			if strings.Contains(name, "555") {
				t.Errorf("%s seems to contain a phone number", name)
			}
		}
	})
}

func TestConflictIsCounted(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		one, other := newReplica(t, s.addr), newReplica(t, s.addr)
		cookie := message("hello").send(one.public).counts(t, 1)
		for n := 2; n <= 5; n++ { // until it commits against its cached copy
			message("hello").carrying(cookie).send(one.public).counts(t, n)
		}
		message("hello").carrying(cookie).send(other.public).counts(t, 6)
		before := scrape(t, one)
		message("hello").carrying(cookie).send(one.public).counts(t, 7)
		after := scrape(t, one)
		for _, name := range []string{"smsession_commit_conflicts_total", "smsession_retries_total"} {
			if before[name] != 0 || after[name] != 1 {
				t.Errorf("%s was %v and is %v, want 0 and 1", name, before[name], after[name])
			}
		}
		if after["smsession_request_duration_seconds_count"] != 6 {
			t.Errorf("%v answers are timed, want 6", after["smsession_request_duration_seconds_count"])
		}
	})
}

func TestQuarantineIsCounted(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr)
		message("hello").send(r.public).counts(t, 1)
		s.do(t, "SET", s.record(t), "broken")
		message("hello").send(r.public).counts(t, 1)
		if got := scrape(t, r)["smsession_quarantined_records_total"]; got != 1 {
			t.Errorf("%v records are counted, want 1", got)
		}
	})
}

func TestMessagesInProgressAreCounted(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		const many = 7
		responder := newSlow()
		r := newReplica(t, s.addr, withResponder(responder))
		inProgress := func() float64 { return scrape(t, r)["smsession_messages_in_progress"] }
		replied := make(chan reply)
		for i := range many {
			request := message("slow").with("From", fmt.Sprintf("+1202555%04d", i)).build()
			go func() { replied <- serve(r.public, request) }()
		}
		for range many {
			<-responder.begun
		}
		if got := inProgress(); got != many {
			t.Errorf("%v are in progress, want %d", got, many)
		}
		close(responder.goOn)
		for range many {
			<-replied
		}
		if got := inProgress(); got != 0 {
			t.Errorf("%v are in progress after all replies", got)
		}
	})
}

func TestRedisAwayMetric(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, 0)
		for _, step := range []struct {
			name        string
			ping        error
			least, most float64
		}{
			{"Redis was never there", errAway, 30, 30},
			{"Redis is there", nil, 0, 1},
			{"Redis is away", errAway, 30, 31},
			{"Redis is back", nil, 0, 1},
		} {
			w.set(step.ping)
			pass(30 * time.Second)
			if got := scrape(t, w.replica)["smsession_redis_away_seconds"]; got < step.least || got > step.most {
				t.Errorf("%s: %v s, want %v to %v", step.name, got, step.least, step.most)
			}
		}
		w.end(t)
	})
}

func TestMetricsRoute(t *testing.T) {
	t.Run("only the private listener has it", func(t *testing.T) {
		r := newReplica(t, nobody)
		get(r.public, "/metrics").refused(t, http.StatusNotFound)
		if a := serve(r.Admin(false), httptest.NewRequest("HEAD", "/metrics", nil)); a.Status != http.StatusOK {
			t.Errorf("HEAD /metrics = %d", a.Status)
		}
		serve(r.Admin(false), httptest.NewRequest("POST", "/metrics", nil)).refused(t, http.StatusMethodNotAllowed)
	})
	t.Run("two servers do not share metrics", func(t *testing.T) {
		one := newReplica(t, nobody, func(s *settings) { s.server.Registry = prometheus.NewRegistry() })
		other := newReplica(t, nobody)
		message("HELP").send(one.public)
		if got := scrape(t, one)[series("/sms", "help")]; got != 1 {
			t.Errorf("the first server counts %v", got)
		}
		if got := scrape(t, other)[series("/sms", "help")]; got != 0 {
			t.Errorf("the other server counts %v", got)
		}
		defer func() {
			if recover() == nil {
				t.Error("two servers have the same registry")
			}
		}()
		server.New(one.Options)
	})
}
