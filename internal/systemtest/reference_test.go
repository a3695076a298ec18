package systemtest

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/http/pprof"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/chaostest/control"
	"smsession/internal/config/redisurl"
	domain "smsession/internal/conversation"
	"smsession/internal/redispool"
	"smsession/internal/twilio"
	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

// serveReference runs a server that the service is compared with. It uses the Redis at REDIS_ADDR and does not return.
// Its garbage collector has Go's settings, as that of a server that does not adjust them.
//
//   - plain is the server that the libraries' documentation describes: scs's middleware with redisstore, the counter
//     of the tutorial, and twilio-go's validator. It is the negative control, which must break our promises.
//   - L0 does the least work that such a server can do without Redis: net/http, the form, the signature, and a constant
//     reply. L1 adds one EVALSHA that counts, and L2 a GET and a SET instead. They keep no promise.
//   - L1 pipelined is L1 over the connection that the messages of the service share.
//   - proxy passes each request to the app at APP_URL, between a GET and a SET of a value that has the size of a
//     conversation's record. It checks nothing.
func serveReference(role string) {
	addr := os.Getenv("REDIS_ADDR")
	pool := unshared(addr)
	shared := redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{addr}}}).Pool
	handlers := map[string]http.Handler{
		"plain":        control.Plain(pool),
		"L0":           limit(func(string) (int, error) { return 1, nil }),
		"L1":           limit(through(pool, countByScript())),
		"L1 pipelined": limit(through(shared, countByScript())),
		"L2":           limit(through(pool, countByGetAndSet)),
		"proxy":        proxy(pool, os.Getenv("APP_URL")),
	}
	private, public := listen("listening on the private listener"), listen("listening")
	go func() { panic(http.Serve(private, http.HandlerFunc(pprof.Index))) }()
	panic(http.Serve(public, handlers[role]))
}

// listen listens on a free port and logs its address as the service does.
func listen(message string) net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	slog.New(slog.NewJSONHandler(os.Stderr, nil)).Info(message, "addr", listener.Addr().String())
	return listener
}

// unshared returns a pool of connections that messages do not share.
func unshared(addr string) *redis.Pool {
	return &redis.Pool{MaxIdle: redispool.Size, Dial: func() (redis.Conn, error) {
		return redis.Dial("tcp", addr, redis.DialReadTimeout(time.Second), redis.DialWriteTimeout(time.Second))
	}}
}

func proxy(pool *redis.Pool, app string) http.Handler {
	to, err := url.Parse(app)
	if err != nil {
		panic(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := pool.Get()
		defer conn.Close()
		key := "proxy:" + r.RemoteAddr
		value, err := redis.Bytes(conn.Do("GET", key))
		if err == redis.ErrNil {
			value, err = bytes.Repeat([]byte("x"), appRecordBytes), nil
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		forward := httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
			Transport: transport,
			ModifyResponse: func(*http.Response) error {
				_, err := conn.Do("SET", key, value, "PX", idleMilliseconds)
				return err
			},
		}
		forward.ServeHTTP(w, r)
	})
}

// idleMilliseconds is the idle time-out of a session, 4 hours.
const idleMilliseconds = int64(4 * time.Hour / time.Millisecond)

// counting counts a message of a conversation and returns the new count.
type counting func(conn redis.Conn, key string) (int, error)

// through returns count with a connection of the pool.
func through(pool *redis.Pool, count counting) func(key string) (int, error) {
	return func(key string) (int, error) {
		conn := pool.Get()
		defer conn.Close()
		return count(conn, key)
	}
}

func limit(count func(key string) (int, error)) http.Handler {
	verifier := twilio.NewVerifier(weburl.Split(webhooktest.PublicURL+"/sms"),
		[]twilio.Token{{Value: webhooktest.AuthToken}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, body)
		form, formErr := twilio.ParseForm(body)
		_, signed := verifier.Verify(r.Header.Get("X-Twilio-Signature"), "", form)
		if err != nil || formErr != nil || !signed {
			http.Error(w, "Forbidden", http.StatusForbidden)
			return
		}
		n, err := count("limit:" + form.Get("To") + ":" + form.Get("From"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = w.Write(twilio.TwiML(domain.Text("Hello, thanks for message number " + strconv.Itoa(n))))
	})
}

func countByScript() counting {
	script := redis.NewScript(1, `
local n = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return n`)
	return func(conn redis.Conn, key string) (int, error) {
		return redis.Int(script.Do(conn, key, idleMilliseconds))
	}
}

func countByGetAndSet(conn redis.Conn, key string) (int, error) {
	n, err := redis.Int(conn.Do("GET", key))
	if err != nil && err != redis.ErrNil {
		return 0, err
	}
	_, err = conn.Do("SET", key, n+1, "PX", idleMilliseconds)
	return n + 1, err
}

// appRecordBytes is the size of a record with 64 messages, with the cookie of an app and its last 8 replies.
const appRecordBytes = 4000
