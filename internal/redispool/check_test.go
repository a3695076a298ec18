package redispool_test

import (
	"slices"
	"testing"
	"time"

	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

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
		{"nothing, where it may not be asked", append(user, "--maxmemory-policy", "allkeys-random"), redispool.Options{Username: "app", Password: "secret"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := redistest.Start(t, redistest.Options{Args: row.args})
			row.login.Addr = s.Addr()
			var got []string
			for _, w := range redispool.Check(t.Context(), open(t, row.login)) {
				got = append(got, w.Name)
				if w.Text == "" || !slices.Contains(redispool.Warnings(), w.Name) {
					t.Errorf("the warning %q says %q, and the names are %q", w.Name, w.Text, redispool.Warnings())
				}
			}
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
	if got := redispool.Check(t.Context(), open(t, redispool.Options{Addr: e.Addr()})); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestEveryPrimaryOfAClusterIsLookedAt(t *testing.T) {
	c := redistest.StartCluster(t, 3, false, redistest.Options{AppendOnly: true})
	p := open(t, redispool.Options{Cluster: c.Addrs()})
	redispool.Measure(p, func(time.Duration) {})
	if got := redispool.Check(t.Context(), p); got != nil {
		t.Errorf("got %v", got)
	}
	c.Primaries[2].CLI("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	if got := redispool.Check(t.Context(), p); len(got) != 1 || got[0].Name != redispool.WarnEviction {
		t.Errorf("got %v, want the one of one primary", got)
	}
}
