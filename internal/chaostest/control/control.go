// Package control is servers that count messages, and that each make one mistake. The checks must catch all of them.
// Only tests import it.
package control

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/webhooktest"
)

// RoleVariable makes a test binary run as a server. Its value is the name of one of the servers.
const RoleVariable = "SMSESSION_CONTROL"

// The names of the servers.
const (
	PlainSCS      = "plain scs and redisstore"
	IncrAndRetry  = "INCR and retry"
	CheckThenMark = "check, then mark"
	LockNoFencing = "a lock without fencing"
)

// Serve runs a server and does not return. REDIS_URL_FILE is the file with the URL of its Redis.
func Serve(role string) {
	pool := &redis.Pool{MaxIdle: 64, Dial: dial}
	handlers := map[string]http.Handler{
		PlainSCS:      Plain(pool),
		IncrAndRetry:  counting{pool, incr},
		CheckThenMark: counting{pool, checkThenMark},
		LockNoFencing: counting{pool, lockWithoutFencing},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/", handlers[role])
	slog.New(slog.NewJSONHandler(os.Stderr, nil)).Info("listening", "addr", listener.Addr().String())
	panic(http.Serve(listener, mux))
}

func dial() (redis.Conn, error) {
	text, err := os.ReadFile(os.Getenv("REDIS_URL_FILE"))
	if err != nil {
		return nil, err
	}
	return redis.DialURL(string(text), redis.DialConnectTimeout(time.Second), redis.DialReadTimeout(time.Second),
		redis.DialWriteTimeout(time.Second), redis.DialNetDial(dialLink))
}

// dialLink connects to what an environment variable with the name of the address says, as the service does that the
// harness builds.
func dialLink(network, addr string) (net.Conn, error) {
	return net.DialTimeout(network, cmp.Or(os.Getenv(addr), addr), time.Second)
}

// counting is a server that counts with a function. It tries for five seconds.
type counting struct {
	pool  *redis.Pool
	count func(conn redis.Conn, conversation, sid string) (int, error)
}

func (c counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		conn := c.pool.Get()
		n, err := c.count(conn, form.Get("From"), form.Get("MessageSid"))
		conn.Close()
		if err == nil {
			Greet(w, n)
			return
		}
	}
	http.Error(w, "Redis is away.", http.StatusServiceUnavailable)
}

// Greet answers with the text of the tutorial.
func Greet(w http.ResponseWriter, count int) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Response><Message>%s</Message></Response>`,
		webhooktest.Greeting(count))
}
