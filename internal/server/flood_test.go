package server_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"smsession/internal/server"
)

// unsigned is a message without a signature.
func unsigned() *request { return message("hello").signed(noSignature) }

// flush runs the replica and ends it at once, so that it writes the counts.
func flush(t *testing.T, r *replica) {
	t.Helper()
	ended, end := context.WithCancel(t.Context())
	end()
	if err := r.Run(ended, server.RunOptions{Public: newPipes(), Ping: answers, Refused: noRefusal}); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestFlood(t *testing.T) {
	t.Run("the first five requests with a result in a second have their own lines, and the others share one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newReplica(t, nobody)
			for range 1000 {
				unsigned().send(r.public).refused(t, http.StatusForbidden)
			}
			for range 10 {
				unsigned().typed("text/plain").send(r.public).refused(t, http.StatusUnsupportedMediaType)
			}
			if lines := r.log.lines(t, "requests"); len(lines) > 0 {
				t.Errorf("within the second, there are %v", lines)
			}
			pass(time.Second)
			if lines := len(r.log.lines(t, "request")); lines != 10 {
				t.Errorf("%d requests have a line, want 5 of each result", lines)
			}
			counted := map[any]any{}
			for _, line := range r.log.lines(t, "requests") {
				counted[line["result"]] = line["count"]
			}
			if len(counted) != 2 || counted["bad_signature"] != 995.0 || counted["not_form"] != 5.0 {
				t.Errorf("the counts are %v, want 995 bad signatures and 5 that are not a form", counted)
			}
			unsigned().send(r.public)
			if lines := len(r.log.lines(t, "request")); lines != 11 {
				t.Error("a request of the next second has no line")
			}
		})
	})
	t.Run("the counts are written when the replica ends", func(t *testing.T) {
		r := newReplica(t, nobody)
		for range 7 {
			unsigned().send(r.public)
		}
		flush(t, r)
		if lines := r.log.lines(t, "requests"); len(lines) != 1 || lines[0]["count"] != 2.0 {
			t.Errorf("the log has %v", lines)
		}
	})
	t.Run("a signed message always has its own line", func(t *testing.T) {
		r := newReplica(t, nobody)
		for range 20 {
			message("HELP").send(r.public)
		}
		if lines := len(r.log.lines(t, "request")); lines != 20 {
			t.Errorf("20 messages have %d lines", lines)
		}
	})
	t.Run("the metrics count every request", func(t *testing.T) {
		r := newReplica(t, nobody)
		for range 20 {
			unsigned().send(r.public)
		}
		if got := scrape(t, r)[series("/sms", "bad_signature")]; got != 20 {
			t.Errorf("20 requests are counted as %v", got)
		}
	})
}

func TestSourceOfUnsignedRequests(t *testing.T) {
	for _, row := range []struct {
		name      string
		forwarded []string
		want      string
	}{
		{"without a header, there is no address", nil, ""},
		{"the only address is logged", []string{"192.0.2.1"}, "192.0.2.1"},
		{"the last entry is that of the balancer", []string{"10.0.0.1, 192.0.2.1"}, "192.0.2.1"},
		{"the last header is that of the balancer", []string{"10.0.0.1", "10.0.0.2,192.0.2.1"}, "192.0.2.1"},
		{"the port of an address is left out", []string{"192.0.2.1:4711"}, "192.0.2.1"},
		{"IPv6", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 with a port", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"text that the sender chose is left out", []string{"frobozz"}, ""},
		{"text that the sender chose as a zone is left out", []string{"fe80::1%frobozz"}, "fe80::1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newReplica(t, nobody)
			flood := unsigned()
			flood.header["X-Forwarded-For"] = row.forwarded
			for range 6 {
				flood.send(r.public)
			}
			flush(t, r)
			for _, line := range []line{r.log.lines(t, "request")[0], r.log.lines(t, "requests")[0]} {
				source, _ := line["unverified"].(map[string]any)
				// the address of httptest
				if source["forwarded_for"] != row.want || source["peer"] != "192.0.2.1:1234" {
					t.Errorf("the line is %v, want %q", line, row.want)
				}
			}
		})
	}
}
