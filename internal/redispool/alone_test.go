package redispool_test

import (
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// TestAProxyWithoutAMode connects to a proxy for many servers, which accepts only commands with keys.
func TestAProxyWithoutAMode(t *testing.T) {
	for name, hangUp := range map[string]bool{"HELLO may be refused": false, "HELLO may end the connection": true} {
		t.Run(name, func(t *testing.T) {
			p := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{redistest.StartRelay(t, hangUp)}}})
			for range 2 { // the second command uses its own connection
				c := p.Get()
				defer c.Close()
				if got, err := redis.String(c.Do("EVAL", write, 1, "key", "value")); got != "OK" || err != nil {
					t.Errorf("EVAL with a key: %q, %v", got, err)
				}
			}
		})
	}
}
