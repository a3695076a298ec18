package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/conversation"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/server"
	"smsession/internal/session"
	"smsession/internal/twilio"
)

const (
	to    = "+15005550006"
	from  = "+12025550143"
	token = "b3f1c0de5ca1ab1e0ddba11f00dfaced" // Twilio's auth token

	keepAlive = 650 * time.Second // the default of KEEP_ALIVE

	accountSID = "AC0123456789abcdef0123456789abcdef"
	publicURL  = "https://sms.example.com"
	pointerKey = "sms:conversation:" + to + ":" + from

	// What the tutorial says to the first message.
	hello = "Hello, thanks for the new message."
)

// tutorial is what the tutorial says to the nth message.
func tutorial(n int) string {
	if n == 1 {
		return hello
	}
	return fmt.Sprintf("Hello, thanks for message number %d", n)
}

// settings are what the tests change of a replica.
type settings struct {
	addr                    string // of Redis
	webhookURL, fallbackURL string
	tokens                  []twilio.Token
	session                 session.Options
	server                  server.Options
}

// replica is one server as the program builds it, and what it logs.
type replica struct {
	*server.Server
	public http.Handler
	pool   *redis.Pool
	log    *journal
}

func newReplica(tb testing.TB, addr string, changes ...func(*settings)) *replica {
	tb.Helper()
	log := &journal{}
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := settings{
		addr:        addr,
		webhookURL:  publicURL + "/sms",
		fallbackURL: publicURL + "/sms/fallback",
		tokens:      []twilio.Token{{Value: token}},
		session: session.Options{
			Connections:  redispool.Size,
			Prefix:       "sms:",
			IdleTimeout:  4 * time.Hour,
			Lifetime:     720 * time.Hour,
			Budget:       10 * time.Second,
			SecureCookie: true,
			Responder:    conversation.Counter{},
			Logger:       logger,
		},
		server: server.Options{
			KeepAlive:      keepAlive,
			MaxConnections: 8192,
			AdminHosts:     []string{"example.com", "sms.example.com"}, // the Hosts of the tests
			OptOut:         twilio.OptOutDefault,
			Health:         server.NewHealth(10*time.Second, logger),
			Version:        "1.2.3-test",
			Logger:         logger,
		},
	}
	for _, change := range changes {
		change(&s)
	}
	if s.session.Pool == nil {
		s.session.Pool = redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{s.addr}}}).Pool
	}
	tb.Cleanup(func() { s.session.Pool.Close() })
	s.server.Sessions = session.New(s.session)
	s.server.Webhook = twilio.NewVerifier(s.webhookURL, s.tokens)
	s.server.Fallback = twilio.NewVerifier(s.fallbackURL, s.tokens)
	edge := server.New(s.server)
	return &replica{Server: edge, public: edge.Public(), pool: s.session.Pool, log: log}
}

func withAccount(s *settings) { s.server.AccountSIDs = []string{accountSID} }

func withOptOut(mode twilio.OptOutMode) func(*settings) {
	return func(s *settings) { s.server.OptOut = mode }
}

func withURLs(webhook, fallback string) func(*settings) {
	return func(s *settings) { s.webhookURL, s.fallbackURL = webhook, fallback }
}

func withBudget(d time.Duration) func(*settings) {
	return func(s *settings) { s.session.Budget = d }
}

func withResponder(r conversation.Responder) func(*settings) {
	return func(s *settings) { s.session.Responder = r }
}

var lastSID atomic.Int64

func newSID() string { return fmt.Sprintf("SM%032x", lastSID.Add(1)) }

// cookieOf is the session's cookie that an answer sets, nil if none.
func cookieOf(a answer) *http.Cookie {
	for _, c := range a.cookies {
		if c.Name == session.CookieName {
			return c
		}
	}
	return nil
}

// journal collects the lines of a log.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// lines returns the lines with the given msg, parsed.
func (j *journal) lines(tb testing.TB, msg string) []map[string]any {
	tb.Helper()
	var all []map[string]any
	for line := range strings.Lines(j.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			tb.Fatalf("the log line %q is not JSON: %v", line, err)
		}
		if fields["msg"] == msg {
			all = append(all, fields)
		}
	}
	return all
}

// last returns the last line of a request.
func (j *journal) last(tb testing.TB) map[string]any {
	tb.Helper()
	all := j.lines(tb, "request")
	if len(all) == 0 {
		tb.Fatal("the log has no line of a request")
	}
	return all[len(all)-1]
}

// size is how many keys there are in all.
func size(tb testing.TB, conn redis.Conn) int {
	tb.Helper()
	n, err := redis.Int(conn.Do("DBSIZE"))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func do(tb testing.TB, conn redis.Conn, command string, args ...any) any {
	tb.Helper()
	reply, err := conn.Do(command, args...)
	if err != nil {
		tb.Fatalf("%s %v: %v", command, args, err)
	}
	return reply
}

// conversationKeys returns the two keys of the usual sender's session.
func conversationKeys(tb testing.TB, conn redis.Conn) (record, pointer string) {
	tb.Helper()
	held, err := redis.String(conn.Do("GET", pointerKey))
	if err != nil {
		tb.Fatalf("GET %s: %v", pointerKey, err)
	}
	return "sms:session:" + held, pointerKey
}

// ttl is a key's time to live.
func ttl(tb testing.TB, conn redis.Conn, key string) time.Duration {
	tb.Helper()
	ms, err := redis.Int64(conn.Do("PTTL", key))
	if err != nil {
		tb.Fatal(err)
	}
	return time.Duration(ms) * time.Millisecond
}

// dial connects without any HTTP.
func dial(addr string) (*net.TCPConn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// each runs a test over both backends, with a connection to look at the keys.
func each(t *testing.T, run func(t *testing.T, addr string, conn redis.Conn)) {
	t.Helper()
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) { run(t, b.Addr, redistest.Conn(t, b.Addr)) })
}
