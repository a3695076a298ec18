package session_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// Redis has no replica, so each attempt writes its record and then gets the error that too few replicas have it.
func TestOrphansOfAFailedMessage(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	o := usual(server.Addr())
	o.Pool = redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{server.Addr()}}, WaitReplicas: 1})
	o.Budget = 8 * time.Second // enough for several attempts of half a second each, also on a busy machine
	r := newReplica(t, o)
	a := r.send(webhooktest.NewSID(), "")
	if a.status != http.StatusServiceUnavailable || a.outcome.Attempts < 2 {
		t.Fatalf("got %d after %d attempts, want 503 after several", a.status, a.outcome.Attempts)
	}
	records, err := redis.Strings(redistest.Conn(t, server.Addr()).Do("KEYS", "sms:session:*"))
	if err != nil || len(records) > 1 {
		t.Errorf("%d attempts left %d records, %v", a.outcome.Attempts, len(records), err)
	}
}
