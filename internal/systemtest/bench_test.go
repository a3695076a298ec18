package systemtest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// BenchmarkProcess measures whole processes under the same load on the same Redis: the program, the limits beside it
// (see serveReference) and the plain build from the libraries. cpu-µs/msg is the CPU time of the serving process alone;
// trips/msg is how often Redis had to read from a socket for one message. The conversations are running ones: each has its
// cookie and as many messages behind it as a record remembers. turns is two replicas that take turns, so that neither knows
// what the other has saved; the CPU time is that of both.
//
// Absolute times say little on a shared machine; the ratios of one run do. Run it with -count for benchstat.
func BenchmarkProcess(b *testing.B) {
	server := redistest.Start(b, redistest.Options{})
	for _, role := range []string{"limit1", "limit2", "bytes", "smsession", "turns", "plain"} {
		b.Run("server="+role, func(b *testing.B) { benchmarkRole(b, role, server.Addr()) })
	}
}

const (
	benchWorkers = 16 // connections, each with messages of its own conversations
	benchSenders = 8  // conversations of a worker
)

func benchmarkRole(b *testing.B, role, addr string) {
	replicas := benchReplicas(b, role, addr)
	workers := make([]*benchWorker, benchWorkers)
	for i := range workers {
		workers[i] = newBenchWorker(b, replicas)
	}
	drive(workers, benchSenders*70) // every record then holds its 64 messages
	each := b.N/benchWorkers + 1
	for _, w := range workers {
		w.prepare(each)
	}
	conn := redistest.Conn(b, addr)
	cpu, trips := cpuTimes(b, replicas), redisReads(b, conn)
	b.ResetTimer()
	drive(workers, each)
	b.StopTimer()
	sent := float64(each * benchWorkers)
	b.ReportMetric(float64(cpuTimes(b, replicas)-cpu)/1000/sent, "cpu-µs/msg")
	b.ReportMetric(float64(redisReads(b, conn)-trips-1)/sent, "trips/msg")
}

func benchReplicas(b *testing.B, role, addr string) []*replica {
	var replicas []*replica
	switch role {
	case "smsession":
		replicas = []*replica{startReplica(b, "redis://"+addr)}
	case "turns":
		replicas = []*replica{startReplica(b, "redis://"+addr), startReplica(b, "redis://"+addr)}
	default:
		replicas = []*replica{startReference(b, role, addr)}
	}
	b.Cleanup(func() {
		for _, r := range replicas {
			r.kill()
		}
	})
	return replicas
}

// benchWorker sends messages over one connection to each replica. It costs little: what it sends is written out
// beforehand.
type benchWorker struct {
	tb       testing.TB
	conns    []net.Conn
	answers  []*bufio.Reader
	senders  []*sender
	cookies  []string
	requests [][]byte
}

func newBenchWorker(tb testing.TB, replicas []*replica) *benchWorker {
	w := &benchWorker{tb: tb, cookies: make([]string, benchSenders)}
	for _, r := range replicas {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { conn.Close() })
		w.conns, w.answers = append(w.conns, conn), append(w.answers, bufio.NewReader(conn))
	}
	for range benchSenders {
		w.senders = append(w.senders, newSender(tb))
	}
	return w
}

// prepare writes out the next n requests.
func (w *benchWorker) prepare(n int) {
	for i := len(w.requests); i < n; i++ {
		w.requests = append(w.requests, w.request(i))
	}
}

func (w *benchWorker) request(i int) []byte {
	form := w.senders[i%benchSenders].Form(webhooktest.NewSID(), "hello")
	body := form.Encode()
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /sms HTTP/1.1\r\nHost: sms.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"User-Agent: TwilioProxy/1.1\r\nAccept: */*\r\nX-Home-Region: us1\r\n"+
		"X-Twilio-Signature: %s\r\nContent-Length: %d\r\n", webhooktest.Sign(webhooktest.AuthToken, webhooktest.PublicURL+"/sms", form), len(body))
	if cookie := w.cookies[i%benchSenders]; cookie != "" {
		fmt.Fprintf(&b, "Cookie: smsession=%s\r\n", cookie)
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

// send sends n messages, one after the other, to the worker's conversations in turn, a round of them to one replica and
// the next round to the next.
func (w *benchWorker) send(n int) {
	for i := range n {
		if i == len(w.requests) { // not prepared
			w.requests = append(w.requests, w.request(i))
		}
		cookies, err := w.exchange(w.requests[i], i/benchSenders%len(w.conns))
		if err != nil {
			w.tb.Error(err)
			return
		}
		for _, c := range cookies {
			w.cookies[i%benchSenders] = c.Value
		}
	}
	w.requests = nil
}

// exchange sends a request to a replica and returns the cookies of the answer.
func (w *benchWorker) exchange(request []byte, replica int) ([]*http.Cookie, error) {
	if _, err := w.conns[replica].Write(request); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(w.answers[replica], nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.Cookies(), err
}

func drive(workers []*benchWorker, each int) {
	var group sync.WaitGroup
	for _, w := range workers {
		group.Go(func() { w.send(each) })
	}
	group.Wait()
}

// cpuTimes is the cpuTime of all replicas.
func cpuTimes(tb testing.TB, replicas []*replica) (sum int64) {
	for _, r := range replicas {
		sum += cpuTime(tb, r.cmd.Process.Pid)
	}
	return sum
}

// cpuTime returns the nanoseconds of CPU time of a process so far. Linux only.
func cpuTime(tb testing.TB, pid int) int64 {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if len(files) == 0 {
		tb.Skip("no CPU accounting here")
	}
	var sum int64
	for _, f := range files {
		text, _ := os.ReadFile(f)
		first, _, _ := strings.Cut(string(text), " ")
		ns, _ := strconv.ParseInt(first, 10, 64)
		sum += ns
	}
	return sum
}

// redisReads returns how often Redis has read from a client's socket.
func redisReads(tb testing.TB, conn redis.Conn) int64 {
	info, err := redis.String(conn.Do("INFO", "stats"))
	if err != nil {
		tb.Fatal(err)
	}
	_, after, _ := strings.Cut(info, "total_reads_processed:")
	count, _, _ := strings.Cut(after, "\r")
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}
