package redispool_test

import (
	"bytes"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// check is a look at the settings that comes to its end.
func check(t *testing.T, p *redispool.Pool) map[string]string {
	t.Helper()
	found, err := redispool.Check(t.Context(), p)
	if err != nil {
		t.Error(err)
	}
	return found
}

func TestWhatWillCostSessionsIsWarnedOf(t *testing.T) {
	user := []string{"--user", "app", "on", ">secret", "~*", "+@all", "-config", "-info"}
	for _, row := range []struct {
		name  string
		args  []string
		login redispool.Options
		want  []string
	}{
		{"nothing, with an append-only file and no eviction", []string{"--appendonly", "yes"}, redispool.Options{}, nil},
		{"nothing, with snapshots", []string{"--save", "60 1"}, redispool.Options{}, nil},
		{"no persistence", nil, redispool.Options{}, []string{"persistence_off"}},
		{"eviction of what has a time to live", []string{"--appendonly", "yes", "--maxmemory-policy", "volatile-lru"}, redispool.Options{}, []string{"eviction_possible"}},
		{"eviction of anything, and no persistence", []string{"--maxmemory-policy", "allkeys-random"}, redispool.Options{}, []string{"eviction_possible", "persistence_off"}},
		{"nothing, where it may not be asked", append(user, "--maxmemory-policy", "allkeys-random"), redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{Username: "app", Password: "secret"}}}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := redistest.Start(t, redistest.Options{Args: row.args})
			row.login.URL.Addrs = []string{s.Addr()}
			var got []string
			for name, text := range check(t, openPool(t, row.login)) {
				got = append(got, name)
				if text == "" || !slices.Contains(redispool.Warnings(), name) {
					t.Errorf("the warning %q says %q, and the names are %q", name, text, redispool.Warnings())
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestTheEmbeddedRedisIsNotWarnedOf(t *testing.T) {
	e, err := redispool.StartEmbedded("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if got := check(t, openPool(t, redispool.Options{URL: redisurl.URL{Addrs: []string{e.Addr()}}})); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}

func TestEveryPrimaryOfAClusterIsLookedAt(t *testing.T) {
	c := redistest.StartCluster(t, 3, false, redistest.Options{AppendOnly: true})
	p := openPool(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: c.Addrs()}, Observe: func(time.Duration) {}})
	if got := check(t, p); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	c.Primaries[2].CLI("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	if got := check(t, p); len(got) != 1 || got[redispool.WarnEviction] == "" {
		t.Errorf("got %v, want the one of one primary", got)
	}
}

func TestALookThatIsCutShortIsAnError(t *testing.T) {
	for _, command := range []string{"CONFIG", "INFO"} {
		t.Run(command, func(t *testing.T) {
			p := openPool(t, redispool.Options{URL: redisurl.URL{Addrs: []string{hangingUpAt(t, redistest.Start(t, redistest.Options{}).Addr(), command)}}})
			if found, err := redispool.Check(t.Context(), p); err == nil {
				t.Errorf("got %v and no error", found)
			}
		})
	}
	c := redistest.StartCluster(t, 3, false, redistest.Options{AppendOnly: true})
	p := openPool(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: c.Addrs()}})
	check(t, p)
	c.Primaries[1].Kill()
	if found, err := redispool.Check(t.Context(), p); err == nil {
		t.Errorf("a primary is away: got %v and no error", found)
	}
}

// hangingUpAt is the address of a way to a Redis that ends where a command is to pass it.
func hangingUpAt(t *testing.T, addr, command string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go pass(near, addr, command)
		}
	}()
	return l.Addr().String()
}

func pass(near net.Conn, addr, command string) {
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
