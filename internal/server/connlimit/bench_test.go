package connlimit

import (
	"net"
	"net/http"
	"testing"
	"time"
)

// endless is a connection that always has a whole request to read.
type endless struct{ net.Conn }

func (endless) Read([]byte) (int, error)         { return 800, nil }
func (endless) SetReadDeadline(time.Time) error  { return nil }
func (endless) SetWriteDeadline(time.Time) error { return nil }
func (endless) Close() error                     { return nil }

// BenchmarkMessage measures the cost of a message on a connection that carries many messages.
func BenchmarkMessage(b *testing.B) {
	limiter := New(8192)
	srv := &http.Server{}
	limiter.Limit(srv, nil)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := connect(limiter, srv)
		buffer := make([]byte, 4096)
		for pb.Next() {
			_, _ = c.Read(buffer)
			srv.ConnState(c, http.StateActive)
			c.Grow(700)
			c.Signed()
			srv.ConnState(c, http.StateIdle)
		}
		c.Close()
	})
}
