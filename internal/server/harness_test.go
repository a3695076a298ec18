package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"

	"smsession/internal/config/redisurl"
	"smsession/internal/conversation"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
	"smsession/internal/server"
	"smsession/internal/session"
	"smsession/internal/twilio"
	"smsession/internal/webhooktest"
	"smsession/internal/weburl"
)

func TestMain(m *testing.M) {
	// Nothing stops the goroutine that scs.New starts.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(
		"github.com/alexedwards/scs/v2/memstore.(*MemStore).startCleanup"))
}

const (
	keepAlive = 650 * time.Second // the default of KEEP_ALIVE
	drain     = 5 * time.Second

	// nobody is an address at which nothing listens.
	nobody = "127.0.0.1:1"

	accountSID      = webhooktest.AccountSID
	otherAccountSID = "AC00000000000000000000000000000000"
	publicURL       = webhooktest.PublicURL
	token           = webhooktest.AuthToken
)

// routes are the URLs that Twilio posts messages to.
var routes = []string{"/sms", "/sms/fallback"}

// sharedSCS is shared by all Managers, because each call of scs.New starts a goroutine that never ends.
var sharedSCS = scs.New()

// settings are the settings of a replica that a test can change.
type settings struct {
	webhookURL, fallbackURL string
	tokens                  []twilio.Token
	session                 session.Options
	server                  server.Options
}

// replica is a server with its parts, built as the program builds it.
type replica struct {
	*server.Server
	public http.Handler
	pool   *redispool.Pool // nil with withoutRedis
	log    *journal
}

// newReplica returns a replica on the Redis at addr.
func newReplica(tb testing.TB, addr string, changes ...func(*settings)) *replica {
	tb.Helper()
	log := &journal{}
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := settings{
		webhookURL:  publicURL + "/sms",
		fallbackURL: publicURL + "/sms/fallback",
		tokens:      []twilio.Token{{Value: token}},
		session: session.Options{
			SCS:          sharedSCS,
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
			Health:         server.NewHealth(patience, logger),
			Version:        "1.2.3-test",
			Logger:         logger,
		},
	}
	for _, change := range changes {
		change(&s)
	}
	var pool *redispool.Pool
	if s.session.Pool == nil {
		// The time-out is long, so that a busy machine causes no second attempt.
		pool = redispool.Open(redispool.Options{URL: redisurl.URL{Addrs: []string{addr}}, Timeout: time.Minute})
		tb.Cleanup(func() { pool.Close() })
		s.session.Pool = pool
	}
	s.server.Sessions = session.New(s.session)
	s.server.Webhook = twilio.NewVerifier(weburl.Split(s.webhookURL), s.tokens)
	s.server.Fallback = twilio.NewVerifier(weburl.Split(s.fallbackURL), s.tokens)
	edge := server.New(s.server)
	return &replica{Server: edge, public: edge.Public(), pool: pool, log: log}
}

func withAccount(s *settings) { s.server.AccountSIDs = []string{accountSID} }

func withURLs(webhook, fallback string) func(*settings) {
	return func(s *settings) { s.webhookURL, s.fallbackURL = webhook, fallback }
}

func withBudget(d time.Duration) func(*settings) {
	return func(s *settings) { s.session.Budget = d }
}

func withResponder(r conversation.Responder) func(*settings) {
	return func(s *settings) { s.session.Responder = r }
}

// withoutRedis refuses every connection to Redis. It needs no network, so it can be used in a bubble of synctest.
func withoutRedis(s *settings) {
	s.session.Pool = &redis.Pool{DialContext: func(context.Context) (redis.Conn, error) {
		return nil, errors.New("Redis is not there")
	}}
}

// slow answers the message "slow" when the test lets it.
type slow struct {
	conversation.Counter
	begun, goOn chan struct{}
}

func newSlow() slow { return slow{begun: make(chan struct{}), goOn: make(chan struct{})} }

func (s slow) Respond(ctx context.Context, state conversation.State,
	m conversation.Message) (conversation.State, conversation.Reply, error) {
	if m.Body == "slow" {
		s.begun <- struct{}{}
		<-s.goOn
	}
	return s.Counter.Respond(ctx, state, m)
}

// store is a Redis whose keys a test can check. It is empty at the beginning.
type store struct {
	addr string
	conn redis.Conn
}

// each runs a test over the embedded Redis and over a real one.
func each(t *testing.T, run func(t *testing.T, s *store)) {
	t.Helper()
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) { run(t, &store{b.Addr, redistest.Conn(t, b.Addr)}) })
}

// eachInBubble is like each, but runs the test in a bubble of synctest. Redis is outside: while the test waits for it,
// the clock of the bubble stands still.
func eachInBubble(t *testing.T, run func(t *testing.T, s *store)) {
	t.Helper()
	each(t, func(t *testing.T, s *store) {
		synctest.Test(t, func(t *testing.T) { run(t, s) })
	})
}

func (s *store) do(tb testing.TB, command string, args ...any) any {
	tb.Helper()
	reply, err := s.conn.Do(command, args...)
	if err != nil {
		tb.Fatalf("%s %v: %v", command, args, err)
	}
	return reply
}

// wantKeys fails the test unless Redis contains n keys.
func (s *store) wantKeys(tb testing.TB, n int) {
	tb.Helper()
	if got := s.do(tb, "DBSIZE"); got != int64(n) {
		tb.Errorf("Redis contains %v keys, want %d", got, n)
	}
}

// keys returns the keys that match a pattern. It fails the test unless there are n.
func (s *store) keys(tb testing.TB, pattern string, n int) []string {
	tb.Helper()
	keys, err := redis.Strings(s.conn.Do("KEYS", pattern))
	if err != nil || len(keys) != n {
		tb.Fatalf("the keys %s are %q, %v, want %d", pattern, keys, err, n)
	}
	slices.Sort(keys)
	return keys
}

// The following methods are for a test with one conversation, which has a record and a pointer.

// record returns the key of the record.
func (s *store) record(tb testing.TB) string {
	tb.Helper()
	return s.keys(tb, "sms:session:*", 1)[0]
}

// snapshot returns both keys and their values.
func (s *store) snapshot(tb testing.TB) string {
	tb.Helper()
	text := ""
	for _, key := range s.keys(tb, "*", 2) {
		text += fmt.Sprintf("%s = %s\n", key, s.do(tb, "GET", key))
	}
	return text
}

// expireSoon sets the time to live of both keys to an hour.
func (s *store) expireSoon(tb testing.TB) {
	tb.Helper()
	for _, key := range s.keys(tb, "*", 2) {
		s.do(tb, "PEXPIRE", key, time.Hour.Milliseconds())
	}
}

// wantRenewed fails the test unless both keys have been renewed since expireSoon, or unless neither has.
func (s *store) wantRenewed(tb testing.TB, want bool) {
	tb.Helper()
	for _, key := range s.keys(tb, "*", 2) {
		left, _ := s.do(tb, "PTTL", key).(int64)
		if left <= 0 || (left > time.Hour.Milliseconds()) != want {
			tb.Errorf("%.17s lives for another %d ms, want it renewed: %v", key, left, want)
		}
	}
}

// journal contains the lines of a log.
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

// line is a parsed line of a log.
type line map[string]any

// lines returns the lines with the given msg.
func (j *journal) lines(tb testing.TB, msg string) []line {
	tb.Helper()
	var all []line
	for text := range strings.Lines(j.String()) {
		var parsed line
		if err := json.Unmarshal([]byte(text), &parsed); err != nil {
			tb.Fatalf("the log line %q is not JSON: %v", text, err)
		}
		if parsed["msg"] == msg {
			all = append(all, parsed)
		}
	}
	return all
}

// wantLast fails the test unless the last line of a request has this level and this result. It returns the line.
func (j *journal) wantLast(tb testing.TB, level, result string) line {
	tb.Helper()
	all := j.lines(tb, "request")
	if len(all) == 0 {
		tb.Fatal("the log has no line of a request")
	}
	last := all[len(all)-1]
	if last["level"] != level || last["result"] != result {
		tb.Errorf("the log line is %v, want %s and %s", last, level, result)
	}
	return last
}

// pass advances the clock of a bubble, and waits until all its goroutines are blocked.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
