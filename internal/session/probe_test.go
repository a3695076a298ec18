package session_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/session"
	"smsession/internal/session/record"
)

// newProbe returns a Probe over a pool of its own.
func newProbe(tb testing.TB, o redispool.Options) *session.Probe {
	tb.Helper()
	pool := redispool.Open(o)
	tb.Cleanup(func() { pool.Close() })
	return session.NewProbe(pool.Pool, "sms:", pool.HashTags)
}

func TestProbe(t *testing.T) {
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		probe := newProbe(t, redispool.Options{URL: redisurl.URL{Addrs: []string{b.Addr}}})
		conn := redistest.Conn(t, b.Addr)
		t.Run("it writes one key, which lives for a minute", func(t *testing.T) {
			for range 3 {
				if err := probe.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			keys, _ := redis.Strings(conn.Do("KEYS", "*"))
			left, err := redis.Int64(conn.Do("PTTL", "sms:probe"))
			if !slices.Equal(keys, []string{"sms:probe"}) || left < 1 || left > time.Minute.Milliseconds() {
				t.Errorf("the keys are %q, and sms:probe has %d ms left, %v", keys, left, err)
			}
		})
		t.Run("it overwrites the value of the key", func(t *testing.T) {
			for _, value := range []string{"", "something else"} {
				if _, err := conn.Do("SET", "sms:probe", value); err != nil {
					t.Fatal(err)
				}
				if err := probe.Run(t.Context()); err != nil {
					t.Errorf("over %q: %v", value, err)
				}
				if left, err := redis.Int64(conn.Do("PTTL", "sms:probe")); left < 1 {
					t.Errorf("over %q: PTTL = %d, %v: nothing was written", value, left, err)
				}
			}
		})
		t.Run("it replaces a value that is too large, or not a string", func(t *testing.T) {
			for _, command := range [][]any{
				{"SETRANGE", "sms:probe", record.MaxSize, "x"}, {"RPUSH", "sms:probe", "x"},
			} {
				if _, err := conn.Do("DEL", "sms:probe"); err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Do(command[0].(string), command[1:]...); err != nil {
					t.Fatal(err)
				}
				if err := probe.Run(t.Context()); err != nil {
					t.Errorf("after %v: %v", command[0], err)
				}
				if left, err := redis.Int64(conn.Do("PTTL", "sms:probe")); left < 1 {
					t.Errorf("after %v: PTTL = %d, %v: nothing was written", command[0], left, err)
				}
			}
		})
		t.Run("replicas that write the same key do not make each other fail", func(t *testing.T) {
			var group sync.WaitGroup
			for range 4 {
				other := newProbe(t, redispool.Options{URL: redisurl.URL{Addrs: []string{b.Addr}}})
				group.Go(func() {
					for range 50 {
						if err := other.Run(t.Context()); err != nil {
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
		})
	})
}

// TestProbeOfARedisThatRefusesWrites uses servers that answer but refuse every message.
func TestProbeOfARedisThatRefusesWrites(t *testing.T) {
	replicas := []string{"CONFIG", "SET", "min-replicas-to-write"}
	for _, row := range []struct {
		code       string
		spoil, fix [][]string
	}{
		{"READONLY", [][]string{{"REPLICAOF", "127.0.0.1", "1"}}, [][]string{{"REPLICAOF", "NO", "ONE"}}},
		{"OOM", [][]string{{"CONFIG", "SET", "maxmemory", "1"}}, [][]string{{"CONFIG", "SET", "maxmemory", "0"}}},
		{"NOREPLICAS", [][]string{append(replicas, "1")}, [][]string{append(replicas, "0")}},
		{"NOPERM", [][]string{{"ACL", "SETUSER", "app", "-set"}}, [][]string{{"ACL", "SETUSER", "app", "+set"}}},
		{"NOPERM", [][]string{{"ACL", "SETUSER", "app", "resetkeys", "~other:*"}}, [][]string{{"ACL", "SETUSER", "app", "~*"}}},
	} {
		t.Run(fmt.Sprint(row.code, " after ", row.spoil[0]), func(t *testing.T) {
			server := redistest.Start(t,
				redistest.Options{Args: []string{"--user", "app", "on", ">secret", "~*", "+@all"}})
			failsWhile(t, server, row.code, row.spoil, row.fix)
		})
	}
	t.Run("MISCONF after a snapshot that failed", func(t *testing.T) {
		server := redistest.Start(t, redistest.Options{Args: []string{
			"--user", "app", "on", ">secret", "~*", "+@all", "--save", "3600 1", "--enable-protected-configs", "yes"}})
		_, dir, _ := strings.Cut(server.CLI("CONFIG", "GET", "dir"), "\n")
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		failsWhile(t, server, "MISCONF", [][]string{{"BGSAVE"}},
			[][]string{{"CONFIG", "SET", "stop-writes-on-bgsave-error", "no"}})
	})
}

func failsWhile(t *testing.T, server *redistest.Server, code string, spoil, fix [][]string) {
	t.Helper()
	probe := newProbe(t, redispool.Options{URL: redisurl.URL{Addrs: []string{server.Addr()}, Redis: app}})
	if err := probe.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, command := range spoil {
		server.CLI(command...)
	}
	for strings.Contains(server.CLI("INFO", "persistence"), "rdb_bgsave_in_progress:1") {
		time.Sleep(time.Millisecond)
	}
	if err := probe.Run(t.Context()); err == nil || !strings.Contains(err.Error(), code+" ") {
		t.Errorf("Run = %v, want %s", err, code)
	}
	for _, command := range fix {
		server.CLI(command...)
	}
	if err := probe.Run(t.Context()); err != nil {
		t.Errorf("Run = %v after the server was repaired", err)
	}
}

func TestProbeWaitsForReplicas(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	probe := newProbe(t, redispool.Options{URL: redisurl.URL{Addrs: []string{server.Addr()}}, WaitReplicas: 1})
	if err := probe.Run(t.Context()); err == nil {
		t.Error("Run = nil with no replica, want an error")
	}
}

// narrowUser is a user with only the rights that saving a session needs, as arguments of redis-server.
func narrowUser(more ...string) []string {
	const user = "--user app on >secret resetkeys ~sms:* resetchannels -@all " +
		"+get +set +strlen +getrange +setrange +getex +pexpire +eval +evalsha"
	return append(strings.Fields(user), more...)
}

func TestProbeOfAUserWithoutRights(t *testing.T) {
	for _, row := range []struct {
		name string
		user []string
		want []string
	}{
		{"a command of the script is missing", narrowUser("-set"), []string{"'set'"}},
		{"a command that compares the record is missing", narrowUser("-getrange"), []string{"'getrange'"}},
		{"the command that changes the record is missing", narrowUser("-setrange"), []string{"'setrange'"}},
		{"the command for a repeat is missing", narrowUser("-pexpire"), []string{"'pexpire'"}},
		{"the command for the pointer is missing", narrowUser("-getex"), []string{"'getex'"}},
		{"scripts are not allowed", narrowUser("-eval", "-evalsha"), []string{"'evalsha'"}},
		{"the keys are not allowed", narrowUser("resetkeys", "~other:*"), []string{"sms:probe", "the keys sms:*"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{Args: row.user})
			probe := newProbe(t, redispool.Options{URL: redisurl.URL{Addrs: []string{server.Addr()}, Redis: app}})
			err := probe.Run(t.Context())
			if !redispool.Refused(err) {
				t.Fatalf("Run = %v, want a refusal", err)
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Run = %v, want it to name %s", err, want)
				}
			}
		})
	}
}

func TestProbeOfACluster(t *testing.T) {
	cluster := redistest.StartCluster(t, 3, false, redistest.Options{Args: narrowUser("+cluster|slots", "+asking")})
	probe := newProbe(t, redispool.Options{URL: redisurl.URL{Topology: redisurl.Cluster, Addrs: cluster.Addrs(),
		Redis: app}})
	if err := probe.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, primary := range cluster.Primaries {
		keys := primary.CLI("KEYS", "*")
		if strings.Count(keys, "\n") > 0 || !strings.HasPrefix(keys, "sms:probe:{") {
			t.Errorf("primary %d has %q, want one key sms:probe:{…}", i+1, keys)
		}
	}
	for i, primary := range cluster.Primaries {
		primary.Kill()
		if err := probe.Run(t.Context()); (err != nil) != (i == len(cluster.Primaries)-1) {
			t.Errorf("Run = %v with %d of 3 primaries, want an error only with none", err, 2-i)
		}
	}
}

// app returns the credentials of the user app.
var app = redisurl.Login{Username: "app", Password: "secret"}
