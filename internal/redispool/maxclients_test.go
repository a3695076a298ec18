package redispool_test

import (
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// stat returns a number from INFO, over a connection that was made before the server had too many clients.
func stat(t *testing.T, c redis.Conn, name string) int {
	t.Helper()
	info, err := redis.String(c.Do("INFO"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(info, "\r\n"+name+":")
	number, _, _ := strings.Cut(after, "\r\n")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Three replicas of the service with 64 messages each share a plan of 20 connections.
func TestAServerWithTooFewConnectionsAnswersAllAndIsNotStormed(t *testing.T) {
	server := redistest.Start(t, redistest.Options{Args: []string{"--maxclients", "20"}})
	look := redistest.Conn(t, server.Addr())
	const replicas, messages = 3, 3000
	pools := []*redis.Pool{}
	for range replicas {
		p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{server.Addr()}}, Timeout: patient})
		fill(t, p, 2)
		pools = append(pools, p)
	}
	var left atomic.Int64
	left.Store(messages)
	var group sync.WaitGroup
	for n := range replicas * redispool.Size {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				message(t, pools[n%replicas])
			}
		})
	}
	group.Wait()
	rejected, received := stat(t, look, "rejected_connections"), stat(t, look, "total_connections_received")
	t.Logf("%d messages took %d connections, and %d that were refused", messages, received, rejected)
	if rejected == 0 {
		t.Error("the server had enough connections: nothing was tested")
	}
	if rejected > messages/4 {
		t.Errorf("%d connections were refused", rejected)
	}
	if received > 20+10 { // a few more, because some connections end early
		t.Errorf("%d connections were made: connections that were good were thrown away", received)
	}
}

// message makes two round trips. Like a session, it tries again until it succeeds.
func message(t *testing.T, p *redis.Pool) {
	t.Helper()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		c := p.Get()
		_, err := c.Do("GET", "key")
		if err == nil {
			_, err = c.Do("EVAL", write, 1, "key", "value")
		}
		c.Close()
		if err == nil {
			return
		}
		select {
		case <-time.After(pause):
		case <-t.Context().Done():
			return
		}
	}
}

func TestAConnectionThatIsOneTooManyIsNotPooled(t *testing.T) {
	for _, row := range []struct {
		name    string
		server  redistest.Options
		options redispool.Options
	}{
		{"without authentication", redistest.Options{}, redispool.Options{}},
		{"with a password", redistest.Options{Password: "secret"}, redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{Password: "secret"}}}},
		{"with a user who may not PING", redistest.Options{Args: []string{"--user", "default", "on", "nopass", "~*", "+get", "+info", "+config", "+client", "+eval", "+hello"}}, redispool.Options{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := redistest.Start(t, row.server)
			row.options.URL.Addrs, row.options.Timeout = []string{server.Addr()}, patient
			p := open(t, row.options)
			if _, err := do(p, "GET", "key"); err != nil {
				t.Fatal(err)
			}
			server.CLI("CONFIG", "SET", "maxclients", "1")
			held := p.Get() // the only connection
			if _, err := held.Do("GET", "key"); err != nil {
				t.Fatal(err)
			}
			if c := p.Get(); c.Err() == nil {
				t.Error("a connection that the server refuses was handed out")
			}
			held.Close()
			if n := p.IdleCount(); n != 1 {
				t.Errorf("%d connections are idle, want the one", n)
			}
			if _, err := do(p, "GET", "key"); err != nil || p.ActiveCount() != 1 {
				t.Errorf("the failed dial cost the good connection: %v", err)
			}
		})
	}
}

func TestAPoolHasItsConnectionsAndFourMore(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	for _, row := range []struct{ connections, want int }{{0, 68}, {1, 5}, {100, 104}} {
		p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{server.Addr()}}, Connections: row.connections})
		if p.MaxActive != row.want || p.MaxIdle != row.want-4 {
			t.Errorf("with %d connections the pool has at most %d, %d of them idle, want %d and four fewer", row.connections, p.MaxActive, p.MaxIdle, row.want)
		}
	}
}

func TestAServerMayListenOnAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "my redis.sock")
	server := redistest.Start(t, redistest.Options{Args: []string{"--unixsocket", path, "--requirepass", "secret"}})
	p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{path}, Database: 3, Redis: redisurl.Login{Password: "secret"}}, Timeout: patient})
	if _, err := do(p, "SET", "key", "value"); err != nil {
		t.Fatal(err)
	}
	info, err := redis.String(do(p, "CLIENT", "INFO"))
	if err != nil || !strings.Contains(info, " db=3 ") || !strings.Contains(info, path) {
		t.Errorf("the server says of the client: %s, %v", info, err)
	}
	server.Kill()
	do(p, "PING") // on the lost connection
	if _, err := do(p, "PING"); !unreachable(err) || !strings.Contains(err.Error(), path) {
		t.Errorf("when the server is away the error is %v", err)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { _, err := do(p, "PING"); return err })
}
