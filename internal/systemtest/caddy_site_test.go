package systemtest

import (
	"net/http"
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// TestCaddySite uses both ports of a Caddy, for an http site and for an https site.
func TestCaddySite(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	plain, secure := startCaddy(t, f, caddyOptions{site: "http"}), startCaddy(t, f, caddyOptions{site: "https"})
	trusting := secure.trusting(t)
	for server, client := range map[string]*http.Client{plain.plain: http.DefaultClient,
		secure.plain: http.DefaultClient, secure.secure: trusting} {
		for _, route := range []string{"/sms", "/sms/", "//sms", "/SMS", "/sms/fallback", "/sms/fallback/", "/sms?a=b",
			"/", "/sms/../sms"} {
			t.Run("a message is not redirected at "+server+route, func(t *testing.T) {
				s := newSender(t)
				s.Client = withoutRedirects(client)
				r, err := s.Send(server, route, webhooktest.NewSID(), "")
				if err != nil || r.Status >= 300 && r.Status < 400 || r.Header.Get("Location") != "" {
					t.Errorf("status %d, Location %q, %v", r.Status, r.Header.Get("Location"), err)
				}
			})
		}
	}
	t.Run("an https site refuses plain http with a sentence", func(t *testing.T) {
		f.redis.Do("FLUSHALL")
		r := newSender(t).deliver(secure.plain, "/sms", webhooktest.NewSID(), "")
		if r.Status != http.StatusForbidden || !strings.Contains(r.Body, "PUBLIC_URL") {
			t.Errorf("the answer is %d %q", r.Status, r.Body)
		}
		if keys := f.keys("*"); len(keys) != 0 {
			t.Errorf("the message left the keys %q", keys)
		}
	})
	t.Run("an https site answers https, with only our cookie and without another protocol", func(t *testing.T) {
		s := newSender(t)
		s.Client = trusting
		r, err := s.Send(secure.secure, "/sms", webhooktest.NewSID(), "")
		if err != nil || r.Text() != webhooktest.Greeting(1) || r.Cookie == "" {
			t.Errorf("the answer is %q, %v", r.Text(), err)
		}
		if alt := r.Header.Get("Alt-Svc"); alt != "" {
			t.Errorf("the answer offers %q, and the port of that protocol is not published", alt)
		}
		if len(r.Cookies) != 1 {
			t.Errorf("the answer sets the cookies %v; Twilio may keep only one", r.Cookies)
		}
	})
}

// TestCaddySiteWithPath has a slash after the host in SITE. Caddy then answers only that path.
func TestCaddySiteWithPath(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	for _, site := range []string{"http", "https"} {
		t.Run(site+": a message is refused and not lost silently", func(t *testing.T) {
			c := startCaddy(t, f, caddyOptions{site: site, path: "/"})
			s, server := newSender(t), c.plain
			if site == "https" {
				s.Client, server = c.trusting(t), c.secure
			}
			if r, err := s.Send(server, "/sms", webhooktest.NewSID(), ""); err != nil ||
				r.Status != http.StatusForbidden {
				t.Errorf("the answer is %d %q, %v", r.Status, r.Body, err)
			}
		})
	}
}

// TestCaddyKeepsConversations checks that a conversation stays at one replica because of its cookie. The number of
// round trips to Redis depends on this.
func TestCaddyKeepsConversations(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	c := startCaddy(t, f, caddyOptions{site: "http"})
	used := map[*replica]bool{}
	// With 12 conversations, chance leaves out one of three replicas in 2 % of all runs; with 60, in one of 10^10.
	const conversations = 60
	for range conversations {
		s := newSender(t)
		first := s.deliver(c.plain, "/sms", webhooktest.NewSID(), "")
		before := continued(f)
		const more = 6
		for n := range more {
			if r := s.deliver(c.plain, "/sms", webhooktest.NewSID(),
				first.Cookie); r.Text() != webhooktest.Greeting(n+2) {
				t.Fatalf("message %d gets %q", n+2, r.Text())
			}
		}
		used[answering(t, f, before, more)] = true
	}
	if len(used) != fleetSize {
		t.Errorf("%d conversations used %d of %d replicas", conversations, len(used), fleetSize)
	}
}

// continued returns how many messages of known conversations each replica has answered.
func continued(f *fleet) map[*replica]int {
	counts := map[*replica]int{}
	for _, r := range f.replicas {
		counts[r] = r.answered("continued")
	}
	return counts
}

// answering returns the replica that has answered the messages since before. It is an error if there are several.
func answering(t *testing.T, f *fleet, before map[*replica]int, messages int) (most *replica) {
	t.Helper()
	var logged int
	webhooktest.Wait(t, "the log lines of all messages", func() bool {
		sum := 0
		most, logged = nil, 0
		for r, n := range continued(f) {
			sum += n - before[r]
			if n-before[r] > logged {
				most, logged = r, n-before[r]
			}
		}
		return sum >= messages
	})
	if logged != messages {
		t.Errorf("at most %d of %d messages of one conversation went to the same replica", logged, messages)
	}
	return most
}

// TestCaddyWithoutReadyReplica stops Redis for longer than any message waits. Then no replica is ready, and Caddy sends
// nothing to /sms.
func TestCaddyWithoutReadyReplica(t *testing.T) {
	t.Parallel()
	const apology = "Sorry, we could not take your message just now. Please send it again in a few minutes."
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server, "REQUEST_BUDGET=1s")
	c := startCaddy(t, f, caddyOptions{site: "http"})
	server.Kill()
	for _, r := range f.replicas {
		r.waitFor("redis", http.StatusServiceUnavailable)
	}
	webhooktest.Wait(t, "Caddy to answer 503 by itself", func() bool {
		res, err := http.Get(c.plain + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable
	})
	if r := newSender(t).deliver(c.plain, "/sms/fallback", webhooktest.NewSID(), ""); r.Text() != apology {
		t.Errorf("the fallback URL answers %q", r.Text())
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	s := newSender(t)
	webhooktest.Wait(t, "the webhook to answer again", func() bool {
		return number(s.deliver(c.plain, "/sms", webhooktest.NewSID(), "").Text()) != 0
	})
}
