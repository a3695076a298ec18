package session

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
)

// canned is a Redis that costs nothing: every session is the same full one, and every commit succeeds.
type canned struct {
	redis.Conn
	record []byte
}

func (c canned) Close() error              { return nil }
func (c canned) Err() error                { return nil }
func (c canned) Flush() error              { return nil }
func (c canned) Send(string, ...any) error { return nil }
func (c canned) Receive() (any, error)     { return int64(1), nil }
func (c canned) Do(command string, _ ...any) (any, error) {
	if command == "" {
		return nil, nil
	}
	return bytes.Clone(c.record), nil
}

// fullRecord is a running conversation's, with 64 messages.
func fullRecord(b *testing.B) []byte {
	b.Helper()
	r := newRecord(time.Now())
	r.Deadline = time.Now().Add(time.Hour)
	for i := range 64 {
		n := int64(i + 1)
		r.count("SM0123456789abcdef0123456789abcd"+string(rune('0'+i%10))+string(rune('a'+i/10)), conversation.State{Counter: n}, conversation.Counter{}.Recall(n), conversation.Counter{}, time.Now())
	}
	record, err := Codec{}.Encode(r.Deadline, map[string]any{recordKey: r})
	if err != nil {
		b.Fatal(err)
	}
	return record
}

// BenchmarkDelivery is what a message costs in this package and in scs, without HTTP and Redis.
func BenchmarkDelivery(b *testing.B) {
	conn := canned{record: fullRecord(b)}
	m := New(Options{
		Pool: &redis.Pool{Dial: func() (redis.Conn, error) { return conn, nil }, MaxIdle: 1}, Connections: 8, Prefix: "sms:",
		IdleTimeout: 4 * time.Hour, Lifetime: 720 * time.Hour, Budget: 10 * time.Second, Responder: conversation.Counter{},
	})
	message := func(context.Context) (conversation.Message, *Report) {
		return conversation.Message{SID: "SMffffffffffffffffffffffffffffffff", From: "+12025550143", To: "+15005550006"}, &Report{}
	}
	body := []byte("<Response/>")
	h := m.Middleware(message, func(_ http.ResponseWriter, _ *http.Request, err error) { b.Error(err) })(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.Answer(r.Context(), false)
			_, _ = w.Write(body)
		}))
	req := httptest.NewRequest("POST", "/sms", nil)
	req.Header.Set("Cookie", CookieName+"="+running)
	w := &response{}
	b.ReportAllocs()
	for b.Loop() {
		*w = response{header: http.Header{}, body: w.body[:0]}
		h.ServeHTTP(w, req)
	}
}

func BenchmarkDecode(b *testing.B) {
	record := fullRecord(b)
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseRecord(record); err != nil {
			b.Fatal(err)
		}
	}
}
