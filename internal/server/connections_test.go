package server_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	few = 3 // connections

	ask  = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	head = "POST /sms HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
)

func withConnections(n int) func(*settings) {
	return func(s *settings) { s.server.MaxConnections = n }
}

// begin opens a connection and sends a text, which is the beginning of a request.
func (r *running) begin(t *testing.T, text string) *client {
	t.Helper()
	c := r.connect(t)
	c.write(text)
	synctest.Wait()
	return c
}

// open opens a connection, sends a request and waits for the answer.
func (r *running) open(t *testing.T, request string) *client {
	t.Helper()
	c := r.connect(t)
	if status := c.ask(t, request); status != http.StatusOK {
		t.Fatalf("the answer is %d", status)
	}
	synctest.Wait()
	return c
}

// wantClosed fails the test unless the replica has closed only the connection with this index. It closes the others.
func wantClosed(t *testing.T, conns []*client, index int) {
	t.Helper()
	for i, c := range conns {
		if got := c.isClosed(); got != (i == index) {
			t.Errorf("connection %d was closed: %v", i, got)
		}
	}
}

func TestConnectionLimit(t *testing.T) {
	signed := message("HELP").text() // needs no Redis
	unsigned := strings.Replace(signed, "HELP", "help", 1)
	for _, row := range []struct {
		name  string
		idle  [][]string // the texts sent on each connection, in this order; only a whole request is answered
		first int        // the connection that is closed to make room
	}{
		{"the connection that has been idle longest is closed", [][]string{{ask}, {ask}, {ask}}, 0},
		{"a connection that was opened in advance is idle", [][]string{{}, {ask}, {ask}}, 0},
		{"a connection with the beginning of a request is not idle", [][]string{{ask, "G"}, {ask}, {ask}}, 1},
		{"a connection with the beginning of a third request is not idle", [][]string{{ask, ask, "G"}, {ask}, {ask}}, 1},
		{"a connection is not idle if two requests arrived together", [][]string{{ask + ask[:len(ask)-2] + "Content-Length: 9\r\n\r\n"}, {ask}, {ask}}, 1},
		{"a connection that has carried a signed message is kept longer", [][]string{{signed}, {ask}, {ask}}, 1},
		{"an unsigned message after a signed one changes nothing", [][]string{{signed, unsigned}, {ask}, {ask}}, 1},
		{"a connection that has carried only an unsigned message is not kept", [][]string{{signed}, {ask, unsigned}, {ask}}, 1},
		{"if all connections have carried a signed message, the one that has been idle longest is closed", [][]string{{signed}, {signed}, {signed}}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *running) {
				var conns []*client
				for _, texts := range row.idle {
					c := r.begin(t, "")
					for _, text := range texts {
						if strings.Contains(text, "\r\n\r\n") {
							_ = c.ask(t, text)
						} else {
							c.write(text)
						}
						synctest.Wait()
					}
					conns = append(conns, c)
				}
				next := r.open(t, ask)
				page := scrape(t, r.replica)
				if page[`smsession_connections_evicted_total{reason="idle"}`] != 1 ||
					page["smsession_connections"] != few {
					t.Errorf("the metrics are %v", page)
				}
				wantClosed(t, conns, row.first)
				next.Close()
			}, withConnections(few))
		})
	}
	t.Run("a connection that is used again goes to the end of the order", func(t *testing.T) {
		inBubble(t, func(t *testing.T, r *running) {
			conns := []*client{r.open(t, ask), r.open(t, ask), r.open(t, ask)}
			_ = conns[0].ask(t, ask)
			synctest.Wait()
			next := r.open(t, ask)
			wantClosed(t, conns, 1)
			next.Close()
		}, withConnections(few))
	})
	for name, end := range map[string]func(*testing.T, *client){
		"ends":        func(_ *testing.T, c *client) { c.Close() },
		"is answered": func(t *testing.T, c *client) { _ = c.ask(t, "\n") },
	} {
		t.Run("if no connection is idle, a new one waits until one "+name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *running) {
				conns := []*client{r.begin(t, ask[:len(ask)-1]), r.begin(t, ask[:len(ask)-1]),
					r.begin(t, ask[:len(ask)-1])}
				next, answered := r.connect(t), make(chan int, 1)
				go func() { answered <- next.ask(t, ask) }()
				synctest.Wait()
				select {
				case status := <-answered:
					t.Errorf("the new connection was answered with %d", status)
				default:
				}
				end(t, conns[0])
				if status := <-answered; status != http.StatusOK {
					t.Errorf("later, the new connection was answered with %d", status)
				}
				for _, c := range conns[1:] {
					if status := c.ask(t, "\n"); status != http.StatusOK {
						t.Errorf("a request that had begun got %d", status)
					}
					c.Close()
				}
				conns[0].Close()
				next.Close()
			}, withConnections(few))
		})
	}
	t.Run("connections that have sent nothing are closed with the listener", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := run(t, "")
			c := r.begin(t, "")
			r.stop()
			if err := <-r.result; err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
			if !c.isClosed() {
				t.Error("the connection is still open")
			}
		})
	})
}

func TestSlowRequests(t *testing.T) {
	t.Run("the oldest request is closed if it is not complete after two seconds", func(t *testing.T) {
		inBubble(t, func(t *testing.T, r *running) {
			conns := []*client{r.open(t, message("HELP").text())}
			for range few - 1 {
				conns = append(conns, r.begin(t, ask[:len(ask)-1]))
				pass(time.Second)
			}
			pass(time.Second)
			next := r.open(t, ask)
			if scrape(t, r.replica)[`smsession_connections_evicted_total{reason="unverified"}`] != 1 {
				t.Error("the metrics do not count the connection")
			}
			wantClosed(t, conns, 1)
			next.Close()
		}, withConnections(few))
	})
	for name, begin := range map[string]func(t *testing.T, c *client){
		"a head without its end":             func(_ *testing.T, c *client) { c.write(ask[:len(ask)-1]) },
		"the first byte of a second request": func(t *testing.T, c *client) { _ = c.ask(t, ask); synctest.Wait(); c.write("G") },
		"a refused request without its body": func(_ *testing.T, c *client) {
			c.write("POST /sms HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
		},
	} {
		t.Run("a new connection waits two seconds for "+name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *running) {
				var conns []*client
				for range few {
					c := r.connect(t)
					begin(t, c)
					synctest.Wait()
					conns = append(conns, c)
				}
				start := time.Now()
				next := r.open(t, ask)
				if waited := time.Since(start); waited != 2*time.Second {
					t.Errorf("the new connection was answered after %v", waited)
				}
				wantClosed(t, conns, 0)
				next.Close()
			}, withConnections(few))
		})
	}
}

func TestUnverifiedMemory(t *testing.T) {
	const most = 32 << 20
	body := func(n int) string { return head + "Content-Length: 65536\r\n\r\n" + strings.Repeat("a", n) }
	unverified := func(t *testing.T, r *running) float64 { return scrape(t, r.replica)["smsession_unverified_bytes"] }
	for _, row := range []struct {
		name     string
		requests []string // one on each connection; the last one is repeated until a connection is closed
		closed   int      // the connection that is closed
	}{
		{"the oldest large request is closed", []string{body(1), body(40 << 10), body(40 << 10)}, 1},
		{"if no request is large, the oldest request is closed", []string{head + strings.Repeat("X:\r\n", 100)}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *running) {
				var conns []*client
				for n := 0; scrape(t, r.replica)[`smsession_connections_evicted_total{reason="unverified"}`] == 0 &&
					n < 5000; n++ {
					conns = append(conns, r.begin(t, row.requests[min(n, len(row.requests)-1)]))
				}
				if held := unverified(t, r); held > most || held < most-(128<<10) {
					t.Errorf("the requests take %.0f bytes, want at most %d", held, most)
				}
				wantClosed(t, conns[:3], row.closed)
				for _, c := range conns {
					c.Close()
				}
				synctest.Wait()
				if held := unverified(t, r); held != 0 {
					t.Errorf("without connections, the requests take %.0f bytes", held)
				}
			})
		})
	}
	signed := message("HELP").text()
	for name, request := range map[string]string{
		"a signed request": signed, "a refused request": strings.Replace(signed, "HELP", "help", 1), "a request on another route": ask,
	} {
		t.Run(name+" takes nothing after its answer", func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *running) {
				c := r.begin(t, request[:len(request)-1])
				if held := unverified(t, r); held < float64(len(request)) {
					t.Errorf("before its end, the request takes %.0f bytes", held)
				}
				_ = c.ask(t, request[len(request)-1:])
				synctest.Wait()
				if held := unverified(t, r); held != 0 {
					t.Errorf("after the answer, the request takes %.0f bytes", held)
				}
				c.Close()
			})
		})
	}
}

func TestSlowClients(t *testing.T) {
	const request = 15 * time.Second
	for _, row := range []struct {
		name, sent string
		after      time.Duration
	}{
		{"a client that sends nothing", "", keepAlive},
		{"a client that sends one byte", "P", request},
		{"a client that does not end its head", "POST /sms HTTP/1.1\r\nHost: x\r\nX-Slow: ", request},
		{"a client that does not end its body", head + "Content-Length: 100\r\n\r\nFrom=", request},
		{"a client that stays after an answer", ask, keepAlive},
		{"a client that sends three bytes after an answer", ask + "GET", keepAlive},
		{"a client that does not end its second request", ask + ask[:len(ask)-1], request},
	} {
		t.Run("the server closes the connection of "+row.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *running) {
				c := r.connect(t)
				defer c.Close()
				start := time.Now()
				c.write(row.sent)
				_, _ = io.Copy(io.Discard, c)
				if took := time.Since(start); took != row.after {
					t.Errorf("the connection was closed after %v, want %v", took, row.after)
				}
			})
		})
	}
	for name, before := range map[string]time.Duration{
		"its first answer": 0, "an answer after an earlier one": 10 * time.Second,
	} {
		t.Run("the server closes the connection of a client that does not read "+name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *running) {
				c := r.connect(t)
				defer c.Close()
				if before > 0 {
					_ = c.ask(t, ask)
					pass(before)
				}
				c.write(ask)
				pass(request - time.Nanosecond)
				if scrape(t, r.replica)["smsession_connections"] != 1 {
					t.Error("the connection was closed too early")
				}
				pass(time.Nanosecond)
				if scrape(t, r.replica)["smsession_connections"] != 0 {
					t.Error("the connection is still open")
				}
			})
		})
	}
	// A load balancer opens connections in advance, and keeps unused ones as long as the others.
	t.Run("a connection that was opened in advance is kept", func(t *testing.T) {
		inBubble(t, func(t *testing.T, r *running) {
			c := r.connect(t)
			defer c.Close()
			for range 2 {
				pass(600 * time.Second) // Google's load balancer has the longest fixed keep-alive
				c.write(ask[:len(ask)/2])
				pass(14 * time.Second) // a request that begins late gets the full time
				if status := c.ask(t, ask[len(ask)/2:]); status != http.StatusOK {
					t.Errorf("the answer is %d", status)
				}
			}
		})
	})
}

// A client that stops in the middle of its body must never get 200, because some clients treat it as an answer.
func TestBodyEndsEarly(t *testing.T) {
	top, body, _ := strings.Cut(message("HELP").text(), "\r\n\r\n")
	chunked := strings.Replace(top, fmt.Sprintf("Content-Length: %d", len(body)), "Transfer-Encoding: chunked", 1)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
	each(t, func(t *testing.T, s *store) {
		addr := listen(t, newReplica(t, s.addr))
		for _, route := range routes {
			for name, text := range map[string]string{
				"no body":                    top + "\r\n\r\n",
				"half a body":                top + "\r\n\r\n" + body[:len(body)/2],
				"a body without its end":     top + "\r\n\r\n" + body[:len(body)-1],
				"no chunk":                   chunked + "\r\n\r\n",
				"half a chunk":               chunked + "\r\n\r\n" + chunk[:len(chunk)/2],
				"a chunk and no end":         chunked + "\r\n\r\n" + chunk,
				"a chunk and half of an end": chunked + "\r\n\r\n" + chunk + "0\r\n",
				"no chunk, but another text": chunked + "\r\n\r\nzz\r\n",
			} {
				t.Run(route+": "+name, func(t *testing.T) {
					c := connectTCP(t, addr)
					c.write(strings.Replace(text, " /sms ", " "+route+" ", 1))
					_ = c.Conn.(*net.TCPConn).CloseWrite()
					if answer, err := io.ReadAll(c); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 400 ")) {
						t.Errorf("the client got %q, %v", answer, err)
					}
					s.wantKeys(t, 0)
				})
			}
		}
	})
}

// A connection that is closed while a part of its request is unread is reset, and the client may then lose the answer.
// The server must therefore close its sending side first.
func TestAnswerToALargeBody(t *testing.T) {
	c := connectTCP(t, listen(t, newReplica(t, nobody)))
	c.write(head + "Content-Length: 1000000\r\n\r\n" + strings.Repeat("a", 8<<10))
	if answer, err := io.ReadAll(c); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 413 ")) {
		t.Errorf("the client read %q, %v", answer, err)
	}
}
