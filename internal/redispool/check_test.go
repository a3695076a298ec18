package redispool_test

import (
	"bytes"
	"io"
	"maps"
	"net"
	"slices"
	"testing"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// check returns the names of the warnings about a Redis.
func check(t *testing.T, p *redispool.Pool) []string {
	t.Helper()
	found, err := redispool.Check(t.Context(), p)
	if err != nil {
		t.Error(err)
	}
	for name, text := range found {
		if text == "" || !slices.Contains(redispool.Warnings(), name) {
			t.Errorf("the warning %q has the text %q, and the names are %q", name, text, redispool.Warnings())
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestCheck(t *testing.T) {
	t.Parallel()
	noConfig := []string{"--user", "app", "on", ">secret", "~*", "+@all", "-config", "-info", "--maxmemory-policy",
		"allkeys-random"}
	for _, row := range []struct {
		name  string
		args  []string
		login redisurl.Login
		want  []string
	}{
		{"an append-only file without eviction causes no warning", []string{"--appendonly", "yes"}, redisurl.Login{}, nil},
		{"snapshots without eviction cause no warning", []string{"--save", "60 1"}, redisurl.Login{}, nil},
		{"missing persistence causes a warning", nil, redisurl.Login{}, []string{"persistence_off"}},
		{"eviction of keys with a time to live causes a warning", []string{"--appendonly", "yes", "--maxmemory-policy", "volatile-lru"}, redisurl.Login{}, []string{"eviction_possible"}},
		{"two settings cause two warnings", []string{"--maxmemory-policy", "allkeys-random"}, redisurl.Login{}, []string{"eviction_possible", "persistence_off"}},
		{"a setting that cannot be read causes no warning", noConfig, app, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, redistest.Options{Args: row.args})
			if got := check(t, open(t, redispool.Options{URL: with(at(s.Addr()), row.login),
				Timeout: patient})); !slices.Equal(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	t.Run("an old version causes a warning", func(t *testing.T) {
		old := fake(t, map[string]string{"PING": "+PONG", "HELLO": "-ERR unknown command",
			"CONFIG": "-ERR unknown command",
			"INFO":   "$22\r\nredis_version:6.2.14\r\n"})
		if got := check(t, open(t, redispool.Options{URL: at(old), Timeout: patient})); !slices.Equal(got,
			[]string{"redis_too_old"}) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("the embedded Redis causes no warning", func(t *testing.T) {
		e, err := redispool.StartEmbedded("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if got := check(t, open(t, redispool.Options{URL: at(e.Addr()), Timeout: patient})); got != nil {
			t.Errorf("got %q", got)
		}
	})
	t.Run("every primary of a Cluster is checked", func(t *testing.T) {
		t.Parallel()
		c := redistest.StartCluster(t, 3, false, redistest.Options{AppendOnly: true})
		p := open(t, redispool.Options{URL: inCluster(c.Addrs()...), Timeout: patient})
		if got := check(t, p); got != nil {
			t.Errorf("got %q", got)
		}
		c.Primaries[2].CLI("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
		if got := check(t, p); !slices.Equal(got, []string{"eviction_possible"}) {
			t.Errorf("got %q, want the warning about one primary", got)
		}
		c.Primaries[1].Kill()
		if found, err := redispool.Check(t.Context(), p); err == nil {
			t.Errorf("while a primary is down: %v and no error", found)
		}
	})
	for _, command := range []string{"CONFIG", "INFO"} {
		t.Run("a lost reply to "+command+" is an error", func(t *testing.T) {
			t.Parallel()
			l := listen(t, "127.0.0.1:0")
			server := redistest.Start(t, redistest.Options{})
			go func() {
				for {
					near, err := l.Accept()
					if err != nil {
						return
					}
					go passUntil(near, server.Addr(), command)
				}
			}()
			p := open(t, redispool.Options{URL: at(l.Addr().String()), Timeout: patient})
			if found, err := redispool.Check(t.Context(), p); err == nil {
				t.Errorf("got %v and no error", found)
			}
		})
	}
}

// passUntil connects a client to addr until the client sends the command.
func passUntil(near net.Conn, addr, command string) {
	defer near.Close()
	far, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer far.Close()
	go io.Copy(near, far)
	for block := make([]byte, 4096); ; {
		n, err := near.Read(block)
		if err != nil || bytes.Contains(block[:n], []byte(command)) {
			return
		}
		far.Write(block[:n])
	}
}
