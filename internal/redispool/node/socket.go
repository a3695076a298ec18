package node

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// These are the largest buffers in bytes that a socket keeps for its next write. A socket of one message has room for
// the commits of ten full records, and a shared one for those of 64 messages with an app, and as many turns.
const (
	maxKept       = 64 << 10
	maxSharedKept = 512 << 10
)

// socket is the network connection under redigo. It keeps what redigo writes, in pieces of 4 KB, until it can write a
// whole pipeline at once, because each write costs more than any other step of a message.
type socket struct {
	net.Conn
	timeout  time.Duration         // limits each write and each read
	open     *atomic.Int64         // counts open sockets; may be nil
	unsent   []byte                // written by redigo and not yet to the network
	isShared bool                  // a link calls take and send; otherwise Read sends
	failed   atomic.Pointer[error] // the error of send
}

// Write keeps b until Read or take.
func (s *socket) Write(b []byte) (int, error) {
	s.unsent = append(s.unsent, b...)
	return len(b), nil
}

// Read reads. If the socket is not shared, it first sends the bytes that Write has kept.
func (s *socket) Read(b []byte) (int, error) {
	if !s.isShared && len(s.unsent) > 0 {
		s.unsent = s.send(s.unsent)
	}
	if err := s.failed.Load(); err != nil {
		return 0, *err
	}
	_ = s.Conn.SetReadDeadline(time.Now().Add(s.timeout)) // fails only on a closed connection, as Read does
	n, err := s.Conn.Read(b)
	if failed := s.failed.Load(); err != nil && failed != nil {
		err = *failed // send has closed the connection
	}
	return n, err
}

// take returns the bytes that Write has kept, for send. Write uses spare for the next bytes.
func (s *socket) take(spare []byte) []byte {
	taken := s.unsent
	s.unsent = spare
	return taken
}

// send writes b to the network and returns its empty buffer, or nil if the buffer has grown too large to be kept. If it
// fails, it closes the network connection, and Read returns the error.
func (s *socket) send(b []byte) (spare []byte) {
	err := s.Conn.SetWriteDeadline(time.Now().Add(s.timeout))
	if err == nil {
		_, err = s.Conn.Write(b)
	}
	if err != nil && s.failed.CompareAndSwap(nil, &err) {
		_ = s.hangUp()
	}
	if cap(b) > maxKept && !s.isShared || cap(b) > maxSharedKept {
		return nil
	}
	return b[:0]
}

// SetReadDeadline does nothing, because each Read has its own deadline. redigo calls it for each reply.
func (s *socket) SetReadDeadline(time.Time) error { return nil }

// Close closes the network connection. redigo calls it once.
func (s *socket) Close() error {
	if s.open != nil {
		s.open.Add(-1)
	}
	return s.hangUp()
}

// hangUp closes the network connection without the alert of TLS, which may have to wait for a server that hangs.
func (s *socket) hangUp() error {
	if encrypted, ok := s.Conn.(*tls.Conn); ok {
		return encrypted.NetConn().Close()
	}
	return s.Conn.Close()
}
