package server_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// unsigned is a message without a valid signature.
func unsigned() *post {
	p := message("hello")
	p.signature = "none"
	return p
}

func TestFloodsOfStrangers(t *testing.T) {
	t.Run("the first five requests with a result in a second have a line each, and the others share one line", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newReplica(t, "127.0.0.1:1")
			for range 1000 {
				unsigned().send(r.public).refused(t, http.StatusForbidden)
			}
			for range 10 {
				withType(unsigned(), "text/plain").send(r.public).refused(t, http.StatusUnsupportedMediaType)
			}
			if lines := r.log.lines(t, "requests"); len(lines) > 0 {
				t.Errorf("within the second there are %v", lines)
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
				t.Errorf("counted %v, want 995 bad signatures and 5 that are no form", counted)
			}
			unsigned().send(r.public)
			if lines := len(r.log.lines(t, "request")); lines != 11 {
				t.Errorf("a request of the next second has no line")
			}
		})
	})
	t.Run("the counts are written when the server closes", func(t *testing.T) {
		r := newReplica(t, "127.0.0.1:1")
		for range 7 {
			unsigned().send(r.public)
		}
		r.Close()
		r.Close()
		if lines := r.log.lines(t, "requests"); len(lines) != 1 || lines[0]["count"] != 2.0 {
			t.Errorf("the log has %v", lines)
		}
	})
	t.Run("a signed message always has its line", func(t *testing.T) {
		r := newReplica(t, "127.0.0.1:1")
		for range 20 {
			message("HELP").send(r.public)
		}
		if lines := len(r.log.lines(t, "request")); lines != 20 {
			t.Errorf("20 messages have %d lines", lines)
		}
	})
	t.Run("every request counts in the metrics", func(t *testing.T) {
		r := newReplica(t, "127.0.0.1:1")
		for range 20 {
			unsigned().send(r.public)
		}
		const want = `smsession_messages_total{result="bad_signature",route="/sms"} 20`
		if body := get(r.Admin(false), "/metrics").body; !strings.Contains(body, want) {
			t.Errorf("the metrics do not have %s", want)
		}
	})
}

func TestLinesOfStrangersHaveTheirSource(t *testing.T) {
	for _, row := range []struct {
		name      string
		forwarded []string
		want      string
	}{
		{"no header", nil, ""},
		{"one address", []string{"192.0.2.1"}, "192.0.2.1"},
		{"the last entry is the balancer's", []string{"10.0.0.1, 192.0.2.1"}, "192.0.2.1"},
		{"the last header is the balancer's", []string{"10.0.0.1", "10.0.0.2,192.0.2.1"}, "192.0.2.1"},
		{"an address with a port", []string{"192.0.2.1:4711"}, "192.0.2.1"},
		{"IPv6", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 with a port", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"text that the sender chose is left out", []string{"frobozz"}, ""},
		{"text that the sender chose as a zone is left out", []string{"fe80::1%frobozz"}, "fe80::1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newReplica(t, "127.0.0.1:1")
			p := unsigned()
			p.header["X-Forwarded-For"] = row.forwarded
			for range 6 {
				p.send(r.public)
			}
			r.Close()
			for _, line := range []map[string]any{r.log.lines(t, "request")[0], r.log.lines(t, "requests")[0]} {
				from, _ := line["unverified"].(map[string]any)
				if from["forwarded_for"] != row.want || from["peer"] != "192.0.2.1:1234" { // the address of httptest
					t.Errorf("the line is %v, want %q", line, row.want)
				}
			}
		})
	}
}
