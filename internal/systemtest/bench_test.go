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

// BenchmarkProcess measures whole processes under the same load with the same Redis: the service, the limits (see
// serveReference) and the plain server. cpu-µs/msg is the CPU time of the serving process. trips/msg is how often Redis
// reads from a socket. redis-µs/msg is the CPU time of Redis. Each conversation has its cookie, and its record is full
// of messages. In "turns", two replicas answer alternately, so that neither has cached the last record; the CPU time is
// that of both. "app" is the service in front of an app that keeps its state in a cookie, and "proxy" is its limit.
//
// On a shared machine, compare only the results of one run. Use -count for benchstat.
func BenchmarkProcess(b *testing.B) {
	server := redistest.Start(b, redistest.Options{})
	for _, role := range []string{
		"limit1", "limit2", "bytes", "pipelined", "smsession", "turns", "plain", "proxy", "app",
	} {
		b.Run("server="+role, func(b *testing.B) { benchmarkRole(b, role, server.Addr()) })
	}
}

const (
	benchWorkers = 64 // connections, each with its own conversations
	benchSenders = 8  // conversations of one worker
)

func benchmarkRole(b *testing.B, role, addr string) {
	replicas := benchReplicas(b, role, addr)
	workers := make([]*benchWorker, benchWorkers)
	for i := range workers {
		workers[i] = newBenchWorker(b, replicas)
	}
	drive(workers, benchSenders*70) // then every record has its 64 messages
	each := b.N/benchWorkers + 1
	for _, w := range workers {
		w.prepare(each)
	}
	conn := redistest.Conn(b, addr)
	cpu, trips, redisCPU := cpuTimes(b, replicas), redisReads(b, conn), redisTime(b, conn)
	b.ResetTimer()
	drive(workers, each)
	b.StopTimer()
	sent := float64(each * benchWorkers)
	b.ReportMetric(float64(cpuTimes(b, replicas)-cpu)/1000/sent, "cpu-µs/msg")
	b.ReportMetric(float64(redisReads(b, conn)-trips-1)/sent, "trips/msg")
	b.ReportMetric((redisTime(b, conn)-redisCPU)*1e6/sent, "redis-µs/msg")
}

func benchReplicas(b *testing.B, role, addr string) []*replica {
	var replicas []*replica
	switch role {
	case "smsession":
		replicas = []*replica{startReplica(b, "redis://"+addr)}
	case "turns":
		replicas = []*replica{startReplica(b, "redis://"+addr), startReplica(b, "redis://"+addr)}
	case "app":
		replicas = []*replica{startReplica(b, "redis://"+addr, "APP_URL="+startCookieApp(b, "").URL+"/sms")}
	case "proxy":
		replicas = []*replica{startReference(b, role, addr, "APP_URL="+startCookieApp(b, "").URL)}
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

// benchWorker sends messages over one connection to each replica. It prepares them beforehand, so that it uses little
// CPU time.
type benchWorker struct {
	tb       testing.TB
	conns    []net.Conn
	replies  []*bufio.Reader
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
		w.conns, w.replies = append(w.conns, conn), append(w.replies, bufio.NewReader(conn))
	}
	for range benchSenders {
		w.senders = append(w.senders, newSender(tb))
	}
	return w
}

// prepare builds the next n requests.
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

// send sends n messages, one after the other. Each round has one message of each conversation and goes to one replica;
// the next round goes to the next replica.
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

// exchange sends a request to a replica and returns the cookies of the reply.
func (w *benchWorker) exchange(request []byte, replica int) ([]*http.Cookie, error) {
	if _, err := w.conns[replica].Write(request); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(w.replies[replica], nil)
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

// cpuTimes returns the cpuTime of all replicas.
func cpuTimes(tb testing.TB, replicas []*replica) (sum int64) {
	for _, r := range replicas {
		sum += cpuTime(tb, r.cmd.Process.Pid)
	}
	return sum
}

// cpuTime returns how many nanoseconds of CPU time a process has used. It works only on Linux.
func cpuTime(tb testing.TB, pid int) int64 {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if len(files) == 0 {
		tb.Skip("the system does not report CPU time")
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
	return int64(redisInfo(tb, conn, "stats", "total_reads_processed"))
}

// redisTime returns how many seconds of CPU time Redis has used.
func redisTime(tb testing.TB, conn redis.Conn) float64 {
	return redisInfo(tb, conn, "cpu", "used_cpu_user") + redisInfo(tb, conn, "cpu", "used_cpu_sys")
}

// redisInfo returns a number from INFO.
func redisInfo(tb testing.TB, conn redis.Conn, section, name string) float64 {
	tb.Helper()
	info, err := redis.String(conn.Do("INFO", section))
	if err != nil {
		tb.Fatal(err)
	}
	_, after, _ := strings.Cut(info, "\n"+name+":")
	number, _, _ := strings.Cut(after, "\r")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}
