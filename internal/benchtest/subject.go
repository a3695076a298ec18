package benchtest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Subject is what is measured: the processes of one or more servers, their Redis, and the crowd that writes to them.
type Subject struct {
	PIDs  []int
	Heaps []string     // URLs of their heap profiles
	Redis []redis.Conn // one to each of its servers
	Crowd *Crowd
}

// Figures are the results of a run. Service counts the servers, and not Redis. The resident memory is that of all
// servers together. Reads is how often Redis read from a socket.
type Figures struct {
	Service, Redis     float64 // µs of CPU time a message
	Rate               float64 // messages a second
	P50, P99           float64 // ms from a message to its reply
	Paced              float64 // the result of Subject.Paced, if it was called
	Reads, Allocations float64 // a message
	Resident           float64 // MB
}

// Total returns the CPU time of the servers and Redis together, in µs a message.
func (f Figures) Total() float64 { return f.Service + f.Redis }

// Measure sends messages as fast as the servers answer them. It works only on Linux.
func (s *Subject) Measure(tb testing.TB, messages int) Figures {
	tb.Helper()
	s.Crowd.Prepare(messages)
	objects, cpu := s.allocated(tb), s.cpuTime(tb)
	redisCPU, reads := s.redisUse(tb)
	began := time.Now()
	took := s.Crowd.Closed()
	elapsed := time.Since(began)
	spent := s.cpuTime(tb) - cpu
	redisCPUAfter, readsAfter := s.redisUse(tb)
	objects = s.allocated(tb) - objects

	n := float64(len(took))
	return Figures{
		Service:     spent.Seconds() * 1e6 / n,
		Redis:       (redisCPUAfter - redisCPU) * 1e6 / n,
		Rate:        n / elapsed.Seconds(),
		P50:         percentile(took, 50),
		P99:         percentile(took, 99),
		Reads:       (readsAfter - reads - float64(len(s.Redis))) / n,
		Allocations: objects / n,
		Resident:    s.resident(tb),
	}
}

// Paced sends messages at a fixed rate a second. It returns the P99, which begins when a message is due.
func (s *Subject) Paced(messages int, rate float64) float64 {
	s.Crowd.Prepare(messages)
	return percentile(s.Crowd.Open(rate), 99)
}

// percentile returns a percentile in ms. It sorts the times.
func percentile(took []time.Duration, percent int) float64 {
	slices.Sort(took)
	return took[len(took)*percent/100].Seconds() * 1e3
}

// cpuTime returns the CPU time that the threads of the servers have used.
func (s *Subject) cpuTime(tb testing.TB) (sum time.Duration) {
	tb.Helper()
	for _, pid := range s.PIDs {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if len(threads) == 0 {
			tb.Skip("the system does not report CPU time")
		}
		for _, thread := range threads {
			text, _ := os.ReadFile(thread) // a thread may have ended
			first, _, _ := strings.Cut(string(text), " ")
			ns, _ := strconv.ParseInt(first, 10, 64)
			sum += time.Duration(ns)
		}
	}
	return sum
}

// redisUse returns how many seconds of CPU time the servers of Redis have used, and how often they have read from a
// socket. One of these reads at each server is that of redisUse.
func (s *Subject) redisUse(tb testing.TB) (cpu, reads float64) {
	tb.Helper()
	for _, conn := range s.Redis {
		info := ReadInfo(tb, conn)
		cpu += info.Number(tb, "used_cpu_user") + info.Number(tb, "used_cpu_sys")
		reads += info.Number(tb, "total_reads_processed")
	}
	return cpu, reads
}

// allocated returns how many objects the servers have allocated, which Go writes at the end of a heap profile.
func (s *Subject) allocated(tb testing.TB) (sum float64) {
	tb.Helper()
	for _, url := range s.Heaps {
		res, err := http.Get(url)
		if err != nil {
			tb.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			tb.Fatal(err)
		}
		sum += number(tb, string(text), "\n# Mallocs = ")
	}
	return sum
}

func (s *Subject) resident(tb testing.TB) (sum float64) {
	tb.Helper()
	for _, pid := range s.PIDs {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			tb.Fatal(err)
		}
		_, after, _ := strings.Cut(string(text), "\nVmRSS:")
		sum += number(tb, strings.TrimSpace(after), "") / 1024
	}
	return sum
}

// Info is what the command INFO of Redis returned.
type Info string

// ReadInfo asks Redis for everything that it reports about itself.
func ReadInfo(tb testing.TB, conn redis.Conn) Info {
	tb.Helper()
	text, err := redis.String(conn.Do("INFO"))
	if err != nil {
		tb.Fatal(err)
	}
	return Info(text)
}

// Number returns a number by its name.
func (i Info) Number(tb testing.TB, name string) float64 {
	tb.Helper()
	return number(tb, string(i), "\n"+name+":")
}

// number returns the number that follows a label in a text.
func number(tb testing.TB, text, label string) float64 {
	tb.Helper()
	_, after, _ := strings.Cut(text, label)
	end := strings.IndexFunc(after, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	n, err := strconv.ParseFloat(after[:max(end, 0)], 64)
	if err != nil {
		tb.Fatalf("there is no number after %q: %v", label, err)
	}
	return n
}
