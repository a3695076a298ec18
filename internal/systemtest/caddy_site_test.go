package systemtest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"smsession/internal/webhooktest"

	"smsession/internal/redistest"
)

// TestCaddyRedirectsNoMessage asks both ports, in both ways of being set up.
func TestCaddyRedirectsNoMessage(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	for _, site := range []string{"http", "https"} {
		c := startCaddy(t, f, caddyOptions{site: site})
		servers := map[string]*http.Client{c.plain: http.DefaultClient}
		if site == "https" {
			servers[c.secure] = c.trusting(t)
		}
		for server, client := range servers {
			for _, route := range []string{"/sms", "/sms/", "//sms", "/SMS", "/sms/fallback", "/sms/fallback/", "/sms?a=b", "/", "/sms/../sms"} {
				t.Run(site+" "+strings.TrimPrefix(server, "http")+route, func(t *testing.T) {
					s := newSender(t)
					s.Client = withoutRedirects(client)
					r, err := s.Send(server, route, webhooktest.NewSID(), "")
					if err != nil || r.Status >= 300 && r.Status < 400 || r.Header.Get("Location") != "" {
						t.Errorf("status %d, Location %q, %v", r.Status, r.Header.Get("Location"), err)
					}
				})
			}
		}
	}
}

func TestWhereTheSiteIsHTTPSPlainHTTPIsRefusedInASentence(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	c := startCaddy(t, f, caddyOptions{site: "https"})
	s := newSender(t)
	plain, err := s.Send(c.plain, "/sms", webhooktest.NewSID(), "")
	if err != nil || plain.Status != http.StatusForbidden || !strings.Contains(plain.Body, "PUBLIC_URL") {
		t.Errorf("over http: %d %q, %v", plain.Status, plain.Body, err)
	}
	if keys := f.keys("*"); len(keys) != 0 {
		t.Errorf("it left %q", keys)
	}
	s.Client = c.trusting(t)
	secure, err := s.Send(c.secure, "/sms", webhooktest.NewSID(), "")
	if err != nil || secure.Text() != webhooktest.Greeting(1) || secure.Cookie == "" {
		t.Errorf("over https: %q, %v", secure.Text(), err)
	}
	if alt := secure.Header.Get("Alt-Svc"); alt != "" {
		t.Errorf("it offers %q, whose port is not published", alt)
	}
	if cookies := secure.Header.Values("Set-Cookie"); len(cookies) != 1 {
		t.Errorf("there are the cookies %q; Twilio may keep only one", cookies)
	}
}

// TestASiteWithAPathIsRefusedAndNotSilent has a slash behind the address: Caddy takes it for the one path that is meant.
func TestASiteWithAPathIsRefusedAndNotSilent(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	for _, site := range []string{"http", "https"} {
		c := startCaddy(t, f, caddyOptions{site: site, path: "/"})
		s, server := newSender(t), c.plain
		if site == "https" {
			s.Client, server = c.trusting(t), c.secure
		}
		if r, err := s.Send(server, "/sms", webhooktest.NewSID(), ""); err != nil || r.Status != http.StatusForbidden {
			t.Errorf("over %s: %d %q, %v", site, r.Status, r.Body, err)
		}
	}
}

// TestAConversationStaysWithOneReplicaByItsCookie is what a message's round trips to Redis depend on.
func TestAConversationStaysWithOneReplicaByItsCookie(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	c := startCaddy(t, f, caddyOptions{site: "http"})
	used := map[*replica]bool{}
	for range 12 {
		s := newSender(t)
		first := s.deliver(c.plain, "/sms", webhooktest.NewSID(), "")
		before := map[*replica]int{}
		for _, r := range f.replicas {
			before[r] = r.answered("continued")
		}
		const more = 6
		for n := range more {
			if r := s.deliver(c.plain, "/sms", webhooktest.NewSID(), first.Cookie); r.Text() != webhooktest.Greeting(n+2) {
				t.Fatalf("message %d was answered %q", n+2, r.Text())
			}
		}
		used[waitForAll(t, f, before, more)] = true
	}
	if len(used) != fleetSize {
		t.Errorf("12 conversations were with %d of %d replicas", len(used), fleetSize)
	}
}

// waitForAll waits until the logs tell who answered so many messages, and returns the one replica that did.
func waitForAll(t *testing.T, f *fleet, before map[*replica]int, messages int) *replica {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		sum, most := 0, f.replicas[0]
		for _, r := range f.replicas {
			sum += r.answered("continued") - before[r]
			if r.answered("continued")-before[r] > most.answered("continued")-before[most] {
				most = r
			}
		}
		if sum < messages {
			continue
		}
		if n := most.answered("continued") - before[most]; n != messages {
			t.Errorf("of %d messages of one conversation the replica that got most got %d", messages, n)
		}
		return most
	}
	t.Fatal("the logs do not tell of all messages")
	return nil
}

// TestTheApologyComesThroughCaddyWhenNoReplicaIsReady has Redis away for longer than any message waits: no replica is ready
// then, and Caddy asks none for /sms.
func TestTheApologyComesThroughCaddyWhenNoReplicaIsReady(t *testing.T) {
	const apology = "Sorry, we could not take your message just now. Please send it again in a few minutes."
	server := redistest.Start(t, redistest.Options{})
	f := startFleet(t, server, "REQUEST_BUDGET=1s")
	c := startCaddy(t, f, caddyOptions{site: "http"})
	server.Kill()
	for _, r := range f.replicas {
		r.waitFor("redis", http.StatusServiceUnavailable)
	}
	waitForNobody(t, c)
	if r := newSender(t).deliver(c.plain, "/sms/fallback", webhooktest.NewSID(), ""); r.Text() != apology {
		t.Errorf("the fallback URL answers %q", r.Text())
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	s := newSender(t)
	var r reply
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && r.Status != http.StatusOK; {
		r = s.deliver(c.plain, "/sms", webhooktest.NewSID(), "")
	}
	if number(r.Text()) == 0 {
		t.Errorf("after Redis came back the webhook answers %q", r.Text())
	}
}

// waitForNobody waits until it is Caddy itself that answers: it has no word of the service's then.
func waitForNobody(t *testing.T, c *caddy) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(c.plain + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == http.StatusServiceUnavailable {
			return
		}
	}
	t.Fatal("Caddy still takes a replica for ready")
}
