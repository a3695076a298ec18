package redispool_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// eventually tries until there is no error, for as long as a failover may take.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("it never succeeds: %v", err)
}

func throughSentinels(s *redistest.Sentinels) redispool.Options {
	return redispool.Options{URL: redisurl.URL{Topology: redisurl.Sentinel, Addrs: s.Addrs(), Primary: redistest.PrimaryName}}
}

// The pool that dials the address it was once told is the negative control: it is READONLY for ever.
func TestThePoolFollowsTheSentinels(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t, 1, 1, redistest.Options{})
	p, naive := open(t, throughSentinels(s)), plain(t, s.Primary.Addr())
	fill(t, p, 3)
	eventually(t, func() error {
		if got := s.Sentinels[0].CLI("SENTINEL", "FAILOVER", redistest.PrimaryName); got != "OK" {
			return errors.New(got) // the Sentinel has not asked the replica yet
		}
		return nil
	})
	eventually(t, func() error {
		if got := s.Primary.CLI("ROLE"); !strings.HasPrefix(got, "slave") {
			return errors.New("the old primary is not demoted yet")
		}
		return nil
	})
	eventually(t, func() error { _, err := do(p, "SET", "key", "value"); return err })
	for range 5 {
		if _, err := do(p, "SET", "key", "value"); err != nil {
			t.Errorf("SET after the failover: %v", err)
		}
		if _, err := do(naive, "SET", "key", "value"); !hasCode(err, "READONLY") {
			t.Errorf("the naive pool got %v, want READONLY: the test does not tell the two apart", err)
		}
	}
	if got := s.Replicas[0].CLI("GET", "key"); got != "value" {
		t.Errorf("the new primary holds %q", got)
	}
}

func TestSentinelsMayHaveTLSAndPasswords(t *testing.T) {
	s := redistest.StartSentinels(t, 1, 1, redistest.Options{TLS: true, Password: "secret"})
	trusted := trusting(t, s.Primary)
	for _, row := range []struct {
		name, sentinels, redis, primary string
		refused                         bool
	}{
		{"what is right is not refused", "secret", "secret", redistest.PrimaryName, false},
		{"a wrong password for the Sentinels is refused", "wrong", "secret", redistest.PrimaryName, true},
		{"a missing one is refused", "", "secret", redistest.PrimaryName, true},
		{"a wrong password for Redis is refused", "secret", "wrong", redistest.PrimaryName, true},
		{"an unknown primary is refused", "secret", "secret", "other", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := throughSentinels(s)
			o.URL.Primary = row.primary
			o.URL.Redis = redisurl.Login{TLS: trusted, Password: row.redis}
			o.URL.Sentinels = redisurl.Login{TLS: trusted, Password: row.sentinels}
			err := pingInTime(t, open(t, o))
			if (err != nil) != row.refused || redispool.Refused(err) != row.refused {
				t.Errorf("Ping: %v, which counts as refused: %v, want %v", err, redispool.Refused(err), row.refused)
			}
		})
	}
}

// saying is something that answers every question as a Sentinel that names one address.
func saying(t *testing.T, addr string) string {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				lines := bufio.NewScanner(c)
				for lines.Scan() {
					switch lines.Text() {
					case "PING":
						io.WriteString(c, "+PONG\r\n")
					case "get-master-addr-by-name":
						fmt.Fprintf(c, "*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(host), host, len(port), port)
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func TestTheAddressThatMostSentinelsNameComesFirst(t *testing.T) {
	old, present := redistest.Start(t, redistest.Options{}), redistest.Start(t, redistest.Options{})
	away := redistest.Start(t, redistest.Options{})
	away.Kill()
	for _, row := range []struct {
		name      string
		sentinels []string
		want      *redistest.Server
	}{
		{"one that is cut off is outvoted", []string{saying(t, old.Addr()), saying(t, present.Addr()), saying(t, present.Addr())}, present},
		{"one that is away does not vote", []string{away.Addr(), saying(t, present.Addr())}, present},
		{"where they do not agree, a server that is away is passed over", []string{saying(t, away.Addr()), saying(t, present.Addr())}, present},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Sentinel, Addrs: row.sentinels, Primary: "primary"}})
			info, err := redis.String(do(p, "INFO", "server"))
			if want := fmt.Sprintf("tcp_port:%d\r\n", row.want.Port()); err != nil || !strings.Contains(info, want) {
				t.Errorf("the pool is connected to another server, or to none: %v", err)
			}
		})
	}
	t.Run("one that hangs is not waited for when most have answered", func(t *testing.T) {
		hangs, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer hangs.Close()
		sentinels := []string{hangs.Addr().String(), saying(t, present.Addr()), saying(t, present.Addr())}
		p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Sentinel, Addrs: sentinels, Primary: "primary"}})
		if _, err := do(p, "PING"); err != nil {
			t.Error(err)
		}
		c, err := hangs.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		// Whoever waited has sent its question and hung up by now.
		c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, err = io.Copy(io.Discard, c)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("reading what was sent ended with %v: it was waited for", err)
		}
	})
	t.Run("all being away is no refusal", func(t *testing.T) {
		p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Sentinel, Addrs: []string{away.Addr()}, Primary: "primary"}})
		if err := redispool.Ping(t.Context(), p); err == nil || redispool.Refused(err) {
			t.Errorf("Ping: %v, want an error that is no refusal", err)
		}
	})
	t.Run("a replica is not taken for the primary, which is no refusal", func(t *testing.T) {
		old.CLI("REPLICAOF", "127.0.0.1", "1")
		p := open(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Sentinel, Addrs: []string{saying(t, old.Addr())}, Primary: "primary"}})
		if err := redispool.Ping(t.Context(), p); err == nil || redispool.Refused(err) {
			t.Errorf("Ping: %v, want an error that is no refusal", err)
		}
	})
}
