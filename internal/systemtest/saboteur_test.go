package systemtest

import (
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
)

// takeTurnsAway deletes the turn of every conversation at the moment when it is taken, until the test ends. Replicas
// then call the app as if there were no turns: the negative control.
func takeTurnsAway(tb testing.TB, server *redistest.Server) {
	tb.Helper()
	server.CLI("CONFIG", "SET", "notify-keyspace-events", "K$")
	events, commands := redistest.Conn(tb, server.Addr()), redistest.Conn(tb, server.Addr())
	subscription := redis.PubSubConn{Conn: events}
	if err := subscription.PSubscribe("__keyspace@0__:sms:turn:*"); err != nil {
		tb.Fatal(err)
	}
	go func() {
		for {
			switch event := subscription.ReceiveWithTimeout(0).(type) {
			case redis.Message:
				_, _ = commands.Do("DEL", event.Channel[len("__keyspace@0__:"):])
			case error: // the test has ended, which closes the connection
				return
			}
		}
	}()
}
