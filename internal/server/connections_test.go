package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/server"
)

const (
	fewConnections = 3
	ask            = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
)

func withConnections(n int) func(*settings) {
	return func(s *settings) { s.server.MaxConnections = n }
}

// begun returns a connection on which a request was answered.
func begun(t *testing.T, r *running, request string) net.Conn {
	t.Helper()
	c := connected(t, r)
	if status := written(t, c, request); status != http.StatusOK {
		t.Fatalf("the answer is %d", status)
	}
	synctest.Wait()
	return c
}

// signedHelp is a signed message that needs no Redis.
func signedHelp() string {
	var b bytes.Buffer
	_ = message("HELP").request().Write(&b)
	return b.String()
}

// unsignedHelp is the same message with the signature of another message.
func unsignedHelp() string { return strings.Replace(signedHelp(), "HELP", "help", 1) }

// cut reports whether the server has closed a connection.
func cut(c net.Conn) bool {
	synctest.Wait()
	ended := make(chan struct{})
	go func() {
		_, _ = c.Read(make([]byte, 1))
		close(ended)
	}()
	synctest.Wait()
	select {
	case <-ended:
		return true
	default:
		c.Close()
		return false
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	for _, row := range []struct {
		name    string
		idle    []string // what was sent on each idle connection, in this order
		evicted int
	}{
		{"the connection that has been idle longest is closed", []string{ask, ask, ask}, 0},
		{"a connection that was opened in advance is idle", []string{"", ask, ask}, 0},
		{"a connection that has sent the beginning of a request is not idle", []string{ask + "|GET", ask, ask}, 1},
		{"a connection that has sent the beginning of a third request is not idle", []string{ask + "|" + ask + "|G", ask, ask}, 1},
		{"connections that have carried a signed message are kept longest", []string{signedHelp(), ask, ask}, 1},
		{"connections that have carried an unsigned message after a signed one are kept longest", []string{signedHelp() + "|" + unsignedHelp(), ask, ask}, 1},
		{"connections that have carried only an unsigned message are not kept", []string{signedHelp(), ask + "|" + unsignedHelp(), ask}, 1},
		{"a connection is not idle if two requests arrived together", []string{ask + ask[:len(ask)-2] + "Content-Length: 9\r\n\r\n", ask, ask}, 1},
		{"if all have carried a signed message, the connection that has been idle longest is closed", []string{signedHelp(), signedHelp(), signedHelp()}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, "", withConnections(fewConnections))
				var conns []net.Conn
				for _, request := range row.idle {
					if request == "" {
						conns = append(conns, connected(t, r))
						synctest.Wait()
						continue
					}
					parts := strings.Split(request, "|")
					c := begun(t, r, parts[0])
					for _, more := range parts[1:] {
						if strings.Contains(more, "\r\n\r\n") {
							_ = written(t, c, more)
						} else {
							_, _ = io.WriteString(c, more)
						}
						synctest.Wait()
					}
					conns = append(conns, c)
				}
				next := begun(t, r, ask)
				if body := get(r.Admin(false), "/metrics").body; !strings.Contains(body, `smsession_connections_evicted_total{reason="idle"} 1`) ||
					!strings.Contains(body, fmt.Sprintf("smsession_connections %d\n", fewConnections)) {
					t.Errorf("the metrics are\n%s", body)
				}
				for i, c := range conns {
					if got := cut(c); got != (i == row.evicted) {
						t.Errorf("connection %d was closed: %v", i, got)
					}
				}
				next.Close()
				r.stop()
				<-r.err
			})
		})
	}
	for name, end := range map[string]func(*testing.T, net.Conn){
		"ends":        func(_ *testing.T, c net.Conn) { c.Close() },
		"is answered": func(t *testing.T, c net.Conn) { _ = written(t, c, ask[len(ask)-1:]) },
	} {
		t.Run("without an idle connection, a new one waits until one "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, "", withConnections(fewConnections))
				var conns []net.Conn
				for range fewConnections {
					conns = append(conns, unfinished(t, r, ask[:len(ask)-1]))
				}
				next := connected(t, r)
				answered := make(chan int, 1)
				go func() { answered <- written(t, next, ask) }()
				synctest.Wait()
				select {
				case status := <-answered:
					t.Errorf("the new connection was answered with %d", status)
				default:
				}
				end(t, conns[0])
				if status := <-answered; status != http.StatusOK {
					t.Errorf("later the new connection was answered with %d", status)
				}
				for _, c := range conns[1:] {
					if status := written(t, c, ask[len(ask)-1:]); status != http.StatusOK {
						t.Errorf("a request that had begun got %d", status)
					}
					c.Close()
				}
				conns[0].Close()
				next.Close()
				r.stop()
				<-r.err
			})
		})
	}
	t.Run("without an idle connection, the oldest request that is not complete after two seconds is closed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, "", withConnections(fewConnections))
			trusted := begun(t, r, signedHelp())
			var slow []net.Conn
			for range fewConnections - 1 {
				c := connected(t, r)
				_, _ = io.WriteString(c, ask[:len(ask)-1])
				slow = append(slow, c)
				pass(time.Second)
			}
			pass(time.Second)
			next := begun(t, r, ask)
			if body := get(r.Admin(false), "/metrics").body; !strings.Contains(body, `smsession_connections_evicted_total{reason="unverified"} 1`) {
				t.Errorf("the metrics are\n%s", body)
			}
			if !cut(slow[0]) {
				t.Error("the oldest connection is still open")
			}
			if cut(slow[1]) || cut(trusted) {
				t.Error("another connection was closed")
			}
			next.Close()
			r.stop()
			<-r.err
		})
	})
	t.Run("without an idle connection, a new one waits until a request is slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, "", withConnections(fewConnections))
			var conns []net.Conn
			for range fewConnections {
				c := connected(t, r)
				_, _ = io.WriteString(c, ask[:len(ask)-1])
				conns = append(conns, c)
			}
			synctest.Wait()
			start := time.Now()
			next := begun(t, r, ask)
			if waited := time.Since(start); waited != 2*time.Second {
				t.Errorf("the new connection was answered after %v", waited)
			}
			for i, c := range conns {
				if got := cut(c); got != (i == 0) {
					t.Errorf("connection %d was closed: %v", i, got)
				}
			}
			next.Close()
			r.stop()
			<-r.err
		})
	})
	t.Run("a request that was refused before its body arrived can also be slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, "", withConnections(1))
			refused := connected(t, r)
			_, _ = io.WriteString(refused, "POST /sms HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
			synctest.Wait()
			start := time.Now()
			next := begun(t, r, ask)
			if waited := time.Since(start); waited != 2*time.Second {
				t.Errorf("a new connection was answered after %v", waited)
			}
			if !cut(refused) {
				t.Error("the refused connection is still open")
			}
			next.Close()
			r.stop()
			<-r.err
		})
	})
	t.Run("connections that wait for their first byte end with the listener", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, "", withConnections(fewConnections))
			c := connected(t, r)
			r.stop()
			if err := <-r.err; err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
			if !cut(c) {
				t.Error("the connection is still open")
			}
		})
	})
}

// unfinished is a connection on which a request has begun, and the result of the request.
func unfinished(t *testing.T, r *running, request string) net.Conn {
	t.Helper()
	c := connected(t, r)
	_, _ = io.WriteString(c, request) // the server may close the connection in the meantime
	synctest.Wait()
	return c
}

func TestUnverifiedRequestsAreBounded(t *testing.T) {
	const (
		head = "POST /sms HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
		most = 32 << 20
	)
	body := func(n int) string { return head + "Content-Length: 65536\r\n\r\n" + strings.Repeat("a", n) }
	for _, row := range []struct {
		name     string
		requests []string // one on each connection, and the last of them until a connection is closed
		closed   int      // the index of the connection that is closed
	}{
		{"the oldest large request is closed", []string{body(1), body(40 << 10), body(40 << 10)}, 1},
		{"if no request is large, the oldest request is closed", []string{head + strings.Repeat("X:\r\n", 100)}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, "")
				cuts := func() float64 {
					return scrape(t, r.replica)[`smsession_connections_evicted_total{reason="unverified"}`]
				}
				var conns []net.Conn
				for n := 0; cuts() == 0 && n < 5000; n++ {
					conns = append(conns, unfinished(t, r, row.requests[min(n, len(row.requests)-1)]))
				}
				if held := scrape(t, r.replica)["smsession_unverified_bytes"]; held > most || held < most-(128<<10) {
					t.Errorf("the requests take %.0f bytes, want at most %d", held, most)
				}
				for i, c := range conns[:3] {
					if got := cut(c); got != (i == row.closed) {
						t.Errorf("connection %d was closed: %v", i, got)
					}
				}
				for _, c := range conns {
					c.Close()
				}
				synctest.Wait()
				if held := scrape(t, r.replica)["smsession_unverified_bytes"]; held != 0 {
					t.Errorf("without connections the requests take %.0f bytes", held)
				}
				r.stop()
				<-r.err
			})
		})
	}
	for name, request := range map[string]string{
		"a signed request": signedHelp(), "a refused request": unsignedHelp(), "a request on another route": ask,
	} {
		t.Run(name+" holds nothing after its answer", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, "")
				c := unfinished(t, r, request[:len(request)-1])
				if held := scrape(t, r.replica)["smsession_unverified_bytes"]; held < float64(len(request)) {
					t.Errorf("before its end the request takes %.0f bytes", held)
				}
				_ = written(t, c, request[len(request)-1:])
				synctest.Wait()
				if held := scrape(t, r.replica)["smsession_unverified_bytes"]; held != 0 {
					t.Errorf("after the answer the request takes %.0f bytes", held)
				}
				c.Close()
				r.stop()
				<-r.err
			})
		})
	}
}

// A client that closes its side in the middle of its body must never read the status 200, because some clients treat it
// as an answer.
func TestABodyThatEndsEarlyNeverGets200(t *testing.T) {
	var whole bytes.Buffer
	_ = message("HELP").request().Write(&whole)
	head, body, _ := strings.Cut(whole.String(), "\r\n\r\n")
	chunkedHead := strings.Replace(head, fmt.Sprintf("Content-Length: %d", len(body)), "Transfer-Encoding: chunked", 1)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
	each(t, func(t *testing.T, addr string, _ redis.Conn) {
		for _, route := range []string{"/sms", "/sms/fallback"} {
			for name, text := range map[string]string{
				"no body":                    head + "\r\n\r\n",
				"half a body":                head + "\r\n\r\n" + body[:len(body)/2],
				"a body without its end":     head + "\r\n\r\n" + body[:len(body)-1],
				"no chunk":                   chunkedHead + "\r\n\r\n",
				"half a chunk":               chunkedHead + "\r\n\r\n" + chunk[:len(chunk)/2],
				"a chunk and no end":         chunkedHead + "\r\n\r\n" + chunk,
				"a chunk and half of an end": chunkedHead + "\r\n\r\n" + chunk + "0\r\n",
				"no chunk, but another text": chunkedHead + "\r\n\r\nzz\r\n",
			} {
				t.Run(route+": "+name, func(t *testing.T) {
					answer := halfClosed(t, newReplica(t, addr), strings.Replace(text, " /sms ", " "+route+" ", 1))
					if !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
						t.Errorf("the client got %q", answer)
					}
				})
			}
		}
	})
}

// If a connection is closed while a part of its request is unread, it is reset, and the client may lose the answer. The
// server must therefore close its sending side first.
func TestAClientReadsTheAnswerToABodyThatIsTooLarge(t *testing.T) {
	addr := listening(t, newReplica(t, "127.0.0.1:1"))
	c, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "POST /sms HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000000\r\n\r\n"+
		strings.Repeat("a", 8<<10))
	if answer, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 413 ") {
		t.Errorf("the client read %q, %v", answer, err)
	}
}

// halfClosed sends a text over a socket and closes the sending side. It returns everything that the server sends back.
func halfClosed(t *testing.T, r *replica, text string) string {
	t.Helper()
	addr := listening(t, r)
	c, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, text)
	_ = c.CloseWrite()
	answer, _ := io.ReadAll(c)
	return string(answer)
}

// listening runs a server over sockets until the test ends, and returns its address.
func listening(t *testing.T, r *replica) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- r.Run(ctx, server.Life{Public: l, Ping: answers, Refused: noRefusal})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
	return l.Addr().String()
}
