package session

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
)

// trusting is a memory that guesses.
func trusting() *recent {
	r := newRecent()
	r.trust = fullTrust
	return r
}

func (r *recent) guessed(token string) string {
	return string(r.take(token))
}

func TestMemoryOfRecordsIsBounded(t *testing.T) {
	r := trusting()
	token := func(i int) string { return fmt.Sprint("token ", i) }
	for i := range 3 * rememberedRecords {
		r.saved(token(i), []byte("first"))
		r.saved(token(i), []byte(token(i)))
	}
	if len(r.places) != rememberedRecords || len(r.ring) != rememberedRecords {
		t.Errorf("it holds %d records in %d places, want %d", len(r.places), len(r.ring), rememberedRecords)
	}
	for i := range 3 * rememberedRecords {
		want := ""
		if i >= 2*rememberedRecords {
			want = token(i)
		}
		if got := r.guessed(token(i)); got != want {
			t.Fatalf("it guesses %q for %q, want %q", got, token(i), want)
		}
	}
}

func TestLongRecordIsNotGuessed(t *testing.T) {
	r := trusting()
	r.saved("token", []byte("short"))
	r.saved("token", []byte(strings.Repeat("x", longestRemembered+1)))
	if got := r.guessed("token"); got != "" {
		t.Errorf("it guesses %d bytes", len(got))
	}
}

// The room that a record is written into may have been that of a long one.
func TestRoomOfALongRecordIsNotKeptForAShortOne(t *testing.T) {
	r := trusting()
	r.saved("token", append(make([]byte, 0, 1<<20), "record"...))
	got := r.take("token")
	if string(got) != "record" || cap(got) > 2*longestRemembered {
		t.Errorf("it holds %q in %d bytes", got, cap(got))
	}
}

func TestItGuessesWhileMostGuessesWouldBeRight(t *testing.T) {
	for _, test := range []struct {
		name string
		seen string // what Redis was found to hold: the record that was saved, another one, or none
		want bool
	}{
		{"it has seen nothing yet", "", false},
		{"the first was right", "r", true},
		{"as many were wrong as right", "rw", false},
		{"two of three were right", "rrwrrwrrw", true},
		{"replicas take turns", "wwrwwrwwr", false},
		{"a session had ended by time", "r-", false},
		{"many were wrong once", strings.Repeat("w", 1000) + strings.Repeat("r", fullTrust+1), true},
		{"many were right once", strings.Repeat("r", 1000) + strings.Repeat("w", fullTrust), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRecent()
			for _, seen := range test.seen {
				r.saved("token", []byte("record"))
				r.learn("token", map[rune][]byte{'r': []byte("record"), 'w': []byte("another")}[seen])
			}
			r.saved("token", []byte("record"))
			if guesses := r.take("token") != nil; guesses != test.want {
				t.Errorf("it guesses: %t", guesses)
			}
		})
	}
}

func TestWrongGuessIsNotMadeAgain(t *testing.T) {
	r := trusting()
	r.saved("token", []byte("record"))
	r.learn("token", []byte("another"))
	if got := r.guessed("token"); got != "" {
		t.Errorf("it guesses %q again", got)
	}
}

// What is guessed is written over by the next message of the conversation: nobody else may have it then.
func TestRecordIsGuessedOnce(t *testing.T) {
	r := trusting()
	r.saved("token", []byte("record"))
	if got := r.guessed("token"); got != "record" {
		t.Errorf("it guesses %q", got)
	}
	if got := r.guessed("token"); got != "" {
		t.Errorf("it guesses %q for somebody else", got)
	}
	r.saved("token", []byte("next"))
	if got := r.guessed("token"); got != "next" {
		t.Errorf("it guesses %q", got)
	}
}

// A cookie may lead to somebody else's record. What is then committed is no guess.
func TestGuessThatWasNotCommittedIsNotJudged(t *testing.T) {
	pool := &redis.Pool{Dial: func() (redis.Conn, error) { return canned{record: []byte("no token")}, nil }}
	m := New(Options{
		Pool: pool, Connections: 1, Prefix: "sms:", IdleTimeout: time.Hour, Lifetime: time.Hour, Budget: time.Second,
		Responder: conversation.Counter{},
	})
	m.store.recent.saved(running, recordAfter(1))
	m.store.recent.trust = 1
	message := func(context.Context) (conversation.Message, *Report) {
		return conversation.Message{SID: "SMa", From: "+19998887777", To: "+15005550006"}, &Report{}
	}
	h := m.Middleware(message, func(_ http.ResponseWriter, _ *http.Request, err error) { t.Error(err) })(
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { m.Answer(r.Context(), false) }))
	req := httptest.NewRequest("POST", "/sms", nil)
	req.Header.Set("Cookie", CookieName+"="+running)
	h.ServeHTTP(httptest.NewRecorder(), req)
	if m.store.recent.trust != 1 {
		t.Errorf("the trust is %d, want 1 as before", m.store.recent.trust)
	}
}
