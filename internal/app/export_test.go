package app

import (
	"bufio"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"smsession/internal/conversation"
)

// ReadAnswer reads the answer of a JSON app. The fault is "" if the answer is accepted.
func ReadAnswer(body []byte, s conversation.State) (
	_ conversation.State, _ conversation.Reply, fault conversation.Fault, problem string,
) {
	after, reply, failed := readAnswer(body, s)
	if failed != nil {
		return after, reply, failed.fault, failed.problem
	}
	return after, reply, "", ""
}

// Connect replaces the connections of an App by connections to an app in memory, which gets the bytes of each request
// and returns those of its answer. Afterwards, the connection ends.
func Connect(t testing.TB, a *App, answer func(request []byte) string) {
	quiet, err := net.ListenPacket("udp", "127.0.0.1:0") // nothing is sent to it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { quiet.Close() })
	m := memory{pool: a.pool, quiet: quiet.(syscall.Conn), answer: answer}
	m.connect()
}

// memory is a connection to an app in memory.
type memory struct {
	net.Conn                 // nil
	unread   *strings.Reader // of the answer
	quiet    syscall.Conn    // a socket that is open, and never has anything to read
	answer   func([]byte) string
	pool     *pool
}

// connect adds a connection to the pool, unless there is one. It never becomes too old.
func (m memory) connect() {
	m.pool.mu.Lock()
	defer m.pool.mu.Unlock()
	if len(m.pool.idle) > 0 {
		return
	}
	m.unread = new(strings.Reader)
	m.pool.idle = append(m.pool.idle, &conn{
		Conn: &m, socket: &m, reader: bufio.NewReader(&m), timer: time.AfterFunc(time.Hour, func() {}),
	})
}

// Write answers a request. It makes a connection for the next one, which may begin before this one ends.
func (m *memory) Write(request []byte) (int, error) {
	m.connect()
	m.unread.Reset(m.answer(request))
	return len(request), nil
}

func (m *memory) Read(p []byte) (int, error) { return m.unread.Read(p) }

func (m *memory) Close() error { return nil }

func (m *memory) SetDeadline(time.Time) error { return nil }

func (m *memory) SyscallConn() (syscall.RawConn, error) { return m.quiet.SyscallConn() }
