package session

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// benchResponse is a response that costs nothing.
type benchResponse struct{ header http.Header }

func (r benchResponse) Header() http.Header         { return r.header }
func (r benchResponse) WriteHeader(int)             {}
func (r benchResponse) Write(b []byte) (int, error) { return len(b), nil }

// quick is a Redis that costs little: it returns a reply to each command of a commit.
type quick struct {
	canned
	sent *[]any // the replies that were not received
}

func (q quick) Send(command string, _ ...any) error {
	reply := any(int64(1))
	if command == "GETEX" {
		reply = []byte(running)
	}
	*q.sent = append(*q.sent, reply)
	return nil
}

func (q quick) Receive() (any, error) {
	reply := (*q.sent)[0]
	*q.sent = append((*q.sent)[:0], (*q.sent)[1:]...)
	return reply, nil
}

// BenchmarkDelivery measures a message in this package and in scs, without HTTP and Redis.
func BenchmarkDelivery(b *testing.B) {
	for _, row := range []struct {
		name  string
		score int64
		call  time.Duration
	}{{"cached", maxScore, 0}, {"read", -maxScore, 0}, {"call", maxScore, 8 * time.Second}} {
		b.Run(row.name, func(b *testing.B) {
			conn := quick{canned{record: recordAfter(64).Bytes()}, new([]any)}
			m := newManager(&redis.Pool{Dial: func() (redis.Conn, error) { return conn, nil }, MaxIdle: 1}, 8)
			m.options.CallTimeout = row.call
			m.cache.score.Store(row.score)
			m.cache.add(running, nil, recordAfter(64))
			var in Incoming
			admit := func(http.ResponseWriter, *http.Request) *Incoming { return new(in) }
			failed := func(_ http.ResponseWriter, r *http.Request) { b.Error(OutcomeFrom(r.Context()).Err) }
			h := m.Middleware(admit, failed)(
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = w.Write([]byte(OutcomeFrom(r.Context()).Reply.Texts[0]))
				}))
			var sids []string // more than a record remembers
			for i := range 128 {
				sids = append(sids, fmt.Sprintf("SM%032x", i))
			}
			r := httptest.NewRequest("POST", "/sms", nil)
			r.Header.Set("Cookie", CookieName+"="+running)
			w := benchResponse{http.Header{}}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				clear(w.header)
				in = incoming(sids[i%len(sids)], false)
				h.ServeHTTP(w, r)
			}
		})
	}
}
