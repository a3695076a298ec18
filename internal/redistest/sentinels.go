package redistest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// PrimaryName is what the Sentinels call the primary.
const PrimaryName = "primary"

// failoverTime is Sentinel's and Cluster's time-out here, as in the configurations that we ship. Their own, 30 s and 15 s,
// are longer than Twilio waits.
const failoverTime = 3000

// Sentinels are a primary, its replicas, and the Sentinels that watch over them.
type Sentinels struct {
	Primary   *Server // the first one: a failover does not change the field
	Replicas  []*Server
	Sentinels []*Server
}

// StartSentinels starts them all, and waits until they know of each other. The Redis servers have the options o; the
// Sentinels have its TLS and its password too.
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
	if o.TLS {
		o.Authority, watchers.Authority = s.Primary, s.Primary
	}
	s.Replicas = startReplicas(tb, s.Primary, replicas, o)
	watchers.Config = sentinelConfig(s.Primary, sentinels/2+1)
	for range sentinels {
		s.Sentinels = append(s.Sentinels, Start(tb, watchers))
	}
	for _, one := range s.Sentinels {
		one.await("SENTINEL MASTER "+PrimaryName, func(answer string) bool {
			return field(answer, "num-other-sentinels") == sentinels-1 && field(answer, "num-slaves") == replicas &&
				strings.Contains(answer, "\nflags\nmaster\n")
		})
	}
	return s
}

// Addrs returns the Sentinels' addresses.
func (s *Sentinels) Addrs() []string {
	var addrs []string
	for _, one := range s.Sentinels {
		addrs = append(addrs, one.Addr())
	}
	return addrs
}

// Servers returns all Redis servers, the first primary first.
func (s *Sentinels) Servers() []*Server { return append([]*Server{s.Primary}, s.Replicas...) }

func startReplicas(tb testing.TB, primary *Server, n int, o Options) []*Server {
	tb.Helper()
	o.Args = append(slices.Clone(o.Args), "--replicaof", host+" "+strconv.Itoa(primary.Port()))
	var replicas []*Server
	for range n {
		replicas = append(replicas, Start(tb, o))
	}
	primary.streamed(n)
	return replicas
}

// streamed waits until n replicas have got something by the stream: the primary begins one only once the replica has
// acknowledged its copy, up to a second after it calls it online.
func (s *Server) streamed(n int) {
	s.tb.Helper()
	s.await("INFO replication", func(answer string) bool { return strings.Count(answer, "state=online") == n })
	s.CLI("PUBLISH", "redistest", "streamed")
	s.await("INFO replication", func(answer string) bool {
		_, after, _ := strings.Cut(answer, "master_repl_offset:")
		offset, _, _ := strings.Cut(after, "\n")
		return strings.Count(answer, "offset="+strings.TrimSpace(offset)+",") == n
	})
}

func sentinelConfig(primary *Server, quorum int) string {
	config := fmt.Sprintf("sentinel monitor %s %s %d %d\n", PrimaryName, host, primary.Port(), quorum)
	for _, setting := range []string{"down-after-milliseconds", "failover-timeout"} {
		config += fmt.Sprintf("sentinel %s %s %d\n", setting, PrimaryName, failoverTime)
	}
	if password := primary.options.Password; password != "" {
		// Between Sentinels there is one password for all, which is this one too.
		config += fmt.Sprintf("sentinel auth-pass %s %s\nsentinel sentinel-pass %s\n", PrimaryName, password, password)
	}
	return config
}

// await asks the server until the answer is right.
func (s *Server) await(command string, right func(answer string) bool) {
	s.tb.Helper()
	var answer string
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if answer = s.CLI(strings.Fields(command)...); right(answer) {
			return
		}
	}
	s.tb.Fatalf("redistest: %s of %s is still\n%s", command, s.Addr(), answer)
}

// field is the number on the line after a name, as redis-cli prints a list of fields.
func field(answer, name string) int {
	_, rest, _ := strings.Cut("\n"+answer, "\n"+name+"\n")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(line)
	if err != nil {
		return -1
	}
	return n
}
