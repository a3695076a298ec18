package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/conversation"
	"smsession/internal/session/record"
)

// stopped is a conversation of two messages, and a Manager that may end it.
type stopped struct {
	*Manager
	redis  *shared
	app    *ledger
	cookie string
}

func newStopped(t *testing.T) *stopped {
	s, app := newShared(), &ledger{}
	m := withApp(s.pool(), app)
	m.enqueue(t.Context(), incoming("SMa", false), "")
	o := m.enqueue(t.Context(), incoming("SMb", false), "")
	if o.Err != nil {
		t.Fatal(o.Err)
	}
	app.calls = nil
	return &stopped{m, s, app, o.token}
}

// stop is a message that ends the conversation.
func stop(isLast bool) Incoming {
	in := incoming("SMstop", true)
	in.IsLast = isLast
	return in
}

// fail makes each later call fail.
func (s *stopped) fail() {
	s.app.answers = make(chan error, 10)
	for range 10 {
		s.app.answers <- conversation.Fault("status")
	}
}

// record returns the record, and the MessageSids that were counted.
func (s *stopped) record(t *testing.T) (r *record.Record, sids []string) {
	t.Helper()
	r, err := record.Parse([]byte(s.redis.get("sms:session:" + s.cookie)))
	if err != nil {
		t.Fatal(err)
	}
	for sid := range r.Messages() {
		sids = append(sids, sid)
	}
	return r, sids
}

func (s *stopped) expectEnded(t *testing.T, isCounted bool) {
	t.Helper()
	r, sids := s.record(t)
	if r.Ended.IsZero() || r.Counter != 0 || r.Data != nil || slices.Contains(sids, "SMstop") != isCounted {
		t.Errorf("the record is %s", r.Bytes())
	}
}

func TestStop(t *testing.T) {
	t.Run("the app gets STOP, and its reply is dropped", func(t *testing.T) {
		s := newStopped(t)
		o := s.enqueue(t.Context(), stop(false), s.cookie)
		if o.Err != nil || o.Result != Ended || !o.Reply.IsEmpty() || o.Calls.Count != 1 {
			t.Errorf("got %+v", o)
		}
		s.expectEnded(t, true)
		o = s.enqueue(t.Context(), stop(true), s.cookie)
		if o.Err != nil || o.Result != Repeated || !o.Reply.IsEmpty() {
			t.Errorf("the repeat got %+v", o)
		}
		s.app.expect(t, "SMstop/1/2")
		s.enqueue(t.Context(), incoming("SMc", false), s.cookie)
		s.app.expect(t, "SMstop/1/2", "SMc/1/0")
	})
	t.Run("if the app fails, the session ends at once, and the next delivery calls it again", func(t *testing.T) {
		s := newStopped(t)
		s.fail()
		o := s.enqueue(t.Context(), stop(false), s.cookie)
		word, _ := errors.AsType[conversation.Fault](o.Err)
		if !errors.Is(o.Err, ErrResponder) || word != "status" || o.Result != "" || !o.Reply.IsEmpty() {
			t.Errorf("got %+v", o)
		}
		s.expectEnded(t, false)
		o = s.enqueue(t.Context(), stop(true), s.cookie)
		if o.Err != nil || o.Result != Ended || !o.Reply.IsEmpty() || o.Calls.Err != conversation.Fault("status") {
			t.Errorf("the last delivery got %+v", o)
		}
		s.expectEnded(t, true)
		s.app.expect(t, "SMstop/1/2", "SMstop/1/0")
	})
	for _, isLast := range []bool{false, true} {
		t.Run(fmt.Sprint("if the turn does not come in time, the session ends, in the last delivery: ", isLast),
			func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { stopWithoutTheTurn(t, isLast) })
			})
	}
	t.Run("if the app and Redis fail, only the end is saved again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStopped(t)
			s.app.answers = make(chan error)
			done := send(s.Manager, stop(false), s.cookie)
			synctest.Wait()
			s.redis.setDown(true)
			s.app.answers <- conversation.Fault("status")
			time.Sleep(time.Second)
			s.redis.setDown(false)
			if o := <-done; !errors.Is(o.Err, ErrResponder) || o.Attempts < 2 {
				t.Errorf("got %+v", o)
			}
			s.expectEnded(t, false)
			s.app.expect(t, "SMstop/1/2")
		})
	})
}

// An app that has failed is not called again for the same delivery, because its first call may have changed something.
func TestStopWhoseCommitIsLost(t *testing.T) {
	for name, script := range map[string]*redis.Script{
		"the reply of the record's script": scripts.record, "the reply of the pointer": nil,
	} {
		t.Run(name, func(t *testing.T) {
			s, cuts := newStopped(t), 1
			s.fail()
			m := withApp(&redis.Pool{Dial: func() (redis.Conn, error) {
				return &losing{sharedConn: &sharedConn{shared: s.redis}, script: script, cuts: &cuts}, nil
			}}, s.app)
			o := m.enqueue(t.Context(), stop(false), s.cookie)
			if !errors.Is(o.Err, ErrResponder) || o.Attempts != 2 || o.Conflicts != 0 {
				t.Errorf("got %+v", o)
			}
			s.app.expect(t, "SMstop/1/2")
			s.expectEnded(t, false)
		})
	}
}

func stopWithoutTheTurn(t *testing.T, isLast bool) {
	s := newStopped(t)
	s.redis.set(turnKey, "of somebody who does not end")
	o := s.enqueue(t.Context(), stop(isLast), s.cookie)
	if isLast && (o.Err != nil || o.Result != Ended) || !isLast && o.Err != ErrWaited {
		t.Errorf("got %+v", o)
	}
	if o.Calls.Err != ErrWaited || o.Calls.Count != 0 {
		t.Errorf("the calls are %+v", o.Calls)
	}
	s.expectEnded(t, isLast)
	s.app.expect(t)
}

func TestStopWithoutASession(t *testing.T) {
	t.Run("if the app fails, nothing is saved", func(t *testing.T) {
		s := &stopped{redis: newShared(), app: &ledger{}}
		s.fail()
		s.Manager = withApp(s.redis.pool(), s.app)
		if o := s.enqueue(t.Context(), stop(false), ""); !errors.Is(o.Err, ErrResponder) {
			t.Errorf("got %+v", o)
		}
		s.background.Wait()
		if len(s.redis.model.keys) != 0 {
			t.Errorf("Redis has %v", s.redis.model.keys)
		}
		if o := s.enqueue(t.Context(), stop(true), ""); o.Err != nil || o.Result != Ended {
			t.Errorf("the last delivery got %+v", o)
		} else {
			s.cookie = o.token
			s.expectEnded(t, true)
		}
	})
	t.Run("if the app fails, an ended record does not change", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStopped(t)
			if _, found, err := End(t.Context(), s.redis.pool(), s.keys, to, from); !found || err != nil {
				t.Fatal(found, err)
			}
			time.Sleep(time.Second) // a second end would have another time
			before := s.redis.get("sms:session:" + s.cookie)
			s.fail()
			s.enqueue(t.Context(), stop(false), s.cookie)
			if now := s.redis.get("sms:session:" + s.cookie); now != before {
				t.Errorf("the record became %s", now)
			}
		})
	})
	t.Run("without an app, the responder does not get STOP", func(t *testing.T) {
		s := newStopped(t)
		s.options.CallTimeout = 0
		o := s.enqueue(t.Context(), stop(false), s.cookie)
		if s.app.expect(t); o.Err != nil || o.Result != Ended || o.Calls != (Calls{}) || o.TurnWait != 0 {
			t.Errorf("got %+v", o)
		}
	})
}

// A message waits in the line of its replica, behind a call that takes too long.
func TestTooLateInTheLine(t *testing.T) {
	for _, in := range []Incoming{incoming("SMc", false), stop(false), stop(true)} {
		t.Run(fmt.Sprintf("%s, in the last delivery: %t", in.SID, in.IsLast), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStopped(t)
				s.app.answers = make(chan error)
				in.Received = time.Now()
				first := send(s.Manager, incoming("SMslow", false), s.cookie)
				synctest.Wait()
				began := time.Now()
				o := s.enqueue(t.Context(), in, s.cookie)
				if (o.Err != ErrWaited) != in.IsLast || o.Calls.Err != ErrWaited || time.Since(began) != 7*time.Second {
					t.Errorf("got %+v after %v", o, time.Since(began))
				}
				if in.Ends {
					s.expectEnded(t, in.IsLast)
				}
				<-first
				s.app.expect(t, "SMslow/1/2")
				if s.background.Wait(); s.InProgress() != 0 || s.redis.get(turnKey) != "" {
					t.Errorf("%d messages are in progress, and the turn is %q", s.InProgress(), s.redis.get(turnKey))
				}
			})
		})
	}
}

// The fallback delivery comes while the first delivery is in the app, which fails.
func TestFallbackSharesNoFault(t *testing.T) {
	for _, isLast := range []bool{false, true} {
		t.Run(fmt.Sprint("the second delivery is the last one: ", isLast), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStopped(t)
				s.app.answers = make(chan error)
				first := send(s.Manager, incoming("SMc", false), s.cookie)
				synctest.Wait()
				in := incoming("SMc", false)
				in.IsLast = isLast
				second := send(s.Manager, in, s.cookie)
				synctest.Wait()
				s.app.answers <- conversation.Fault("status")
				if o := <-first; !errors.Is(o.Err, ErrResponder) {
					t.Errorf("the first delivery got %+v", o)
				}
				close(s.app.answers)
				o := <-second
				if (o.Err == nil) != isLast || len(s.app.all()) != map[bool]int{false: 1, true: 2}[isLast] {
					t.Errorf("the second delivery got %+v, after the calls %q", o, s.app.all())
				}
			})
		})
	}
}

// lenient makes the mistake of saving a fault as an answer.
type lenient struct{ conversation.Responder }

func (l lenient) Respond(ctx context.Context, s conversation.State,
	m conversation.Message) (conversation.State, conversation.Reply, error) {
	s, _, _ = l.Responder.Respond(ctx, s, m)
	return s, conversation.Reply{}, nil
}

func TestFaultIsNotSaved(t *testing.T) {
	s := newStopped(t)
	before := s.redis.get("sms:session:" + s.cookie)
	s.fail()
	for _, isLast := range []bool{false, true} { // at the webhook and at the fallback URL
		in := incoming("SMc", false)
		in.IsLast = isLast
		if o := s.enqueue(t.Context(), in, s.cookie); !errors.Is(o.Err, ErrResponder) {
			t.Errorf("got %+v", o)
		}
		if now := s.redis.get("sms:session:" + s.cookie); now != before {
			t.Errorf("the record became %s", now)
		}
		s.background.Wait() // for the release of the turn
	}
	s.app.answers = nil
	s.enqueue(t.Context(), incoming("SMc", false), s.cookie)
	s.app.expect(t, "SMc/1/2", "SMc/1/2", "SMc/1/2")

	s.fail()
	s.options.Responder = lenient{s.app}
	s.enqueue(t.Context(), incoming("SMd", false), s.cookie)
	if _, sids := s.record(t); !slices.Contains(sids, "SMd") {
		t.Error("a responder that saves a fault is not noticed")
	}
}

// Each of these messages is counted, and its state is saved, but nobody answers it.
func TestDroppedReplies(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(m *Manager, in *Incoming)
		want   Result
	}{
		{"an opt-out word that Twilio has answered", func(_ *Manager, in *Incoming) { in.IsSilent = true }, Continued},
		{"a message beyond the limit of replies", func(m *Manager, _ *Incoming) { m.options.MaxReplies = 1 }, Guarded},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newStopped(t)
			in := incoming("SMc", false)
			row.change(s.Manager, &in)
			if row.want == Guarded {
				s.enqueue(t.Context(), incoming("SMlast", false), s.cookie)
				s.app.calls = nil
			}
			for _, want := range []Result{row.want, Repeated} {
				if o := s.enqueue(t.Context(), in, s.cookie); o.Err != nil || o.Result != want || !o.Reply.IsEmpty() {
					t.Errorf("got %+v", o)
				}
			}
			r, sids := s.record(t)
			if calls := s.app.all(); len(calls) != 1 || !strings.HasPrefix(calls[0], "SMc/1/") {
				t.Errorf("the calls were %q", calls)
			}
			if r.Counter != int64(len(sids)) || sids[len(sids)-1] != "SMc" || string(r.Data) != `{"calls":1}` {
				t.Errorf("the record is %s", r.Bytes())
			}
			if strings.Contains(string(r.Bytes()), `"SMc":`) {
				t.Errorf("a reply is stored in %s", r.Bytes())
			}
		})
	}
}
