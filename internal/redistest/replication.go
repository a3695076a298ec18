package redistest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	// PrimaryName is the name of the primary in the configuration of the Sentinels.
	PrimaryName = "primary"

	// failoverTime is the time-out of Sentinel and of a Cluster in milliseconds. It is the same as in the
	// configurations that we ship. The defaults, 30 s and 15 s, are longer than Twilio waits.
	failoverTime = "3000"
)

// Sentinels are a primary, its replicas, and the Sentinels that watch them.
type Sentinels struct {
	Primary   *Server // the primary at the start, even after a failover
	Replicas  []*Server
	Sentinels []*Server
}

// StartSentinels starts a primary, its replicas and Sentinels, and waits until they know each other. The Redis servers
// have the options o. The Sentinels have the same TLS settings and the same password.
func StartSentinels(tb testing.TB, replicas, sentinels int, o Options) *Sentinels {
	tb.Helper()
	o.Args = append(slices.Clone(o.Args), "--repl-diskless-sync-delay", "0")
	watchers := Options{TLS: o.TLS, Password: o.Password, Args: []string{"--sentinel"}}
	if o.Password != "" {
		o.Args = append(o.Args, "--masterauth", o.Password)
	}
	if o.TLS {
		o.Args = append(o.Args, "--tls-replication", "yes")
		watchers.Args = append(watchers.Args, "--tls-replication", "yes")
	}
	s := &Sentinels{Primary: Start(tb, o)}
	o.certs, watchers.certs = s.Primary.options.certs, s.Primary.options.certs
	o.Args = append(o.Args, "--replicaof", host+" "+strconv.Itoa(s.Primary.Port()))
	for range replicas {
		s.Replicas = append(s.Replicas, Start(tb, o))
	}
	s.Primary.awaitReplicas(replicas)
	watchers.Config = sentinelConfig(s.Primary, sentinels/2+1)
	for range sentinels {
		s.Sentinels = append(s.Sentinels, Start(tb, watchers))
	}
	for _, one := range s.Sentinels {
		one.await("SENTINEL MASTER "+PrimaryName,
			fmt.Sprintf("\nnum-other-sentinels\n%d\n", sentinels-1), fmt.Sprintf("\nnum-slaves\n%d\n",
				replicas), "\nflags\nmaster\n")
		one.LimitTilt()
	}
	return s
}

// LimitTilt limits how long a Sentinel starts no failover after a busy machine has stopped it for two seconds. The
// default is 30 s, and begins again each time. A restart forgets the limit.
//
// See https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#tilt-mode.
func (s *Server) LimitTilt() { s.await("SENTINEL DEBUG TILT-PERIOD 1000", "OK") }

func sentinelConfig(primary *Server, quorum int) string {
	config := fmt.Sprintf("sentinel monitor %s %s %d %d\n", PrimaryName, host, primary.Port(), quorum)
	for _, setting := range []string{"down-after-milliseconds", "failover-timeout"} {
		config += fmt.Sprintf("sentinel %s %s %s\n", setting, PrimaryName, failoverTime)
	}
	if password := primary.options.Password; password != "" {
		// The servers and the Sentinels have the same password.
		config += fmt.Sprintf("sentinel auth-pass %s %s\nsentinel sentinel-pass %s\n", PrimaryName, password, password)
	}
	return config
}

// Addrs returns the addresses of the Sentinels.
func (s *Sentinels) Addrs() []string { return addrs(s.Sentinels) }

func addrs(servers []*Server) []string {
	var all []string
	for _, s := range servers {
		all = append(all, s.Addr())
	}
	return all
}

// awaitReplicas waits until n replicas have received a command from the primary. This is up to a second later than the
// state "online", because the primary first waits until a replica has acknowledged its copy.
func (s *Server) awaitReplicas(n int) {
	s.tb.Helper()
	s.awaitThat("INFO replication", func(answer string) bool { return strings.Count(answer, "state=online") == n })
	s.CLI("PUBLISH", "redistest", "a command for the replicas")
	s.awaitThat("INFO replication", func(answer string) bool {
		_, after, _ := strings.Cut(answer, "master_repl_offset:")
		offset, _, _ := strings.Cut(after, "\n")
		return strings.Count(answer, "offset="+strings.TrimSpace(offset)+",") == n
	})
}
