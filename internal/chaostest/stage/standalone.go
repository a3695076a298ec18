package stage

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/chaostest/nemesis"
	"smsession/internal/redistest"
)

// trouble returns a fault of Redis. While it is in force, the stage is not calm.
func (s *Stage) trouble(
	name string, low, high time.Duration, begin func(random *rand.Rand, d time.Duration) (end func()),
) nemesis.Fault {
	return nemesis.Fault{Name: "Redis " + name, Lane: nemesis.Redis, Min: low, Max: high,
		Begin: func(random *rand.Rand, d time.Duration) func() {
			s.troubles.Add(1)
			end := begin(random, d)
			isOver := func() {
				s.calm.Store(time.Now().UnixNano())
				s.troubles.Add(-1)
			}
			if end == nil {
				isOver()
				return nil
			}
			return func() { end(); isOver() }
		}}
}

// command returns a fault that is one command at each server, and one that ends it, or none.
func (s *Stage) command(
	name string, longest time.Duration, servers func() []*redistest.Server, begin, end string,
) nemesis.Fault {
	return s.trouble(name, longest/4, longest, func(*rand.Rand, time.Duration) func() {
		s.tell(servers(), begin)
		return func() { s.tell(servers(), end) }
	})
}

// tell sends a command to servers. One that is down does not need it.
func (s *Stage) tell(servers []*redistest.Server, command string) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return
	}
	for _, server := range servers {
		if _, err := do(server, words[0], redis.Args{}.AddFlat(words[1:])...); err != nil {
			s.tb.Logf("%s on %s: %v", command, server.Addr(), err)
		}
	}
}

// standalone is one server and its faults.
type standalone struct {
	*Stage
	server   *redistest.Server
	password *atomic.Value // of the user of the replicas, a string
}

func (s standalone) faults() []nemesis.Fault {
	const second = time.Second
	one := func() []*redistest.Server { return []*redistest.Server{s.server} }
	return []nemesis.Fault{
		s.trouble("SIGKILL", 0, 3*second, func(*rand.Rand, time.Duration) func() {
			s.server.Kill()
			return s.restart
		}),
		s.trouble("SIGSTOP", second/4, 4*second, func(*rand.Rand, time.Duration) func() {
			s.server.Pause()
			return s.server.Resume
		}),
		s.command("SCRIPT FLUSH", second, one, "SCRIPT FLUSH", "SCRIPT FLUSH"),
		s.command("CLIENT KILL", second, one, "CLIENT KILL TYPE normal", "CLIENT KILL TYPE normal"),
		s.trouble("CLIENT PAUSE", second/4, 3*second, func(_ *rand.Rand, d time.Duration) func() {
			s.tell(one(), fmt.Sprint("CLIENT PAUSE ", d.Milliseconds(), " WRITE"))
			return func() {}
		}),
		s.command("maxmemory", 3*second, one, "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
		s.command("READONLY", 3*second, one, "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
		s.trouble("password rotated", second/2, 3*second, func(random *rand.Rand, _ time.Duration) func() {
			s.password.Store("password-" + strconv.FormatUint(random.Uint64(), 36))
			s.setPassword()
			s.tell(one(), "CLIENT KILL USER "+user)
			return s.tellPassword
		}),
		s.trouble("disk full", second/4, 3*second, s.fillDisk),
	}
}

// restart starts the server again. It has the first password then.
func (s standalone) restart() {
	if err := s.server.Restart(); err != nil {
		s.tb.Error(err)
	}
	s.setPassword()
}

func (s standalone) setPassword() {
	s.tell([]*redistest.Server{s.server}, fmt.Sprint("ACL SETUSER ", user, " resetpass >", s.password.Load()))
}

// tellPassword gives the replicas the new password, as an operator does.
func (s standalone) tellPassword() {
	for _, r := range s.replicas {
		s.writeURL(r)
		r.process.Signal(syscall.SIGHUP)
	}
}

// fillDisk limits the size of the server's files, so that the next write to the append-only file is cut off. The server
// dies then, as it does on a full disk: with appendfsync always, it ends when it cannot write.
func (s standalone) fillDisk(random *rand.Rand, _ time.Duration) func() {
	info, err := redis.String(do(s.server, "INFO"))
	size, pid := field(info, "aof_current_size"), field(info, "process_id")
	if err == nil {
		err = exec.Command("prlimit", "--pid", pid, "--fsize="+size+":").Run()
	}
	if err != nil {
		s.tb.Errorf("the disk cannot be filled: %v", err)
	}
	return s.restart
}

// field returns a field of INFO.
func field(info, name string) string {
	_, after, _ := strings.Cut(info, "\n"+name+":")
	value, _, _ := strings.Cut(after, "\r")
	return value
}
