package session

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redistest"
	"smsession/internal/session/record"
	"smsession/internal/webhooktest"
)

// naiveForgetful is like enqueue, but makes the mistake of throwing the answer of the app away after every failure.
func naiveForgetful(m *Manager, in Incoming, cookie string) *Outcome {
	ctx, cancel := context.WithTimeout(context.Background(), m.options.Budget)
	defer cancel()
	d := &delivery{Incoming: in, cookie: cookie, pointerKey: m.keys.Conversation(in.To, in.From),
		turn: &turn{key: m.keys.Turn(in.To, in.From), token: "forgetful"}}
	var past history
	for {
		t := m.attempt(ctx, d, &past)
		past = past.after(&t)
		past.kept = nil
		if t.err != nil && past.wait(ctx, t.err) == nil {
			continue
		}
		return &Outcome{Reply: t.reply, Err: t.err, Attempts: past.attempts}
	}
}

// patient is enqueue.
func patient(m *Manager, in Incoming, cookie string) *Outcome {
	return m.enqueue(context.Background(), in, cookie)
}

// Redis fails for a moment between the call and the commit.
func TestKeptAnswer(t *testing.T) {
	for _, row := range []struct {
		name    string
		deliver func(*Manager, Incoming, string) *Outcome
		want    []string
	}{
		{"only the commit is repeated", patient, []string{"SMa/1/0", "SMb/1/1"}},
		{"without the kept answer, the app is called again", naiveForgetful, []string{"SMa/1/0", "SMb/1/1", "SMb/2/1"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
				proxy := redistest.StartProxy(t, b.Addr)
				app, failed := &ledger{}, make(chan error, 1000)
				pool := &redis.Pool{MaxIdle: 8, Dial: func() (redis.Conn, error) {
					conn, err := redis.Dial("tcp", proxy.Addr())
					if err != nil {
						failed <- err
					}
					return conn, err
				}}
				defer pool.Close()
				m := withApp(pool, app)
				cookie := m.enqueue(t.Context(), incoming("SMa", false), "").token
				app.begun, app.answers = make(chan string), make(chan error)
				done := make(chan *Outcome, 1)
				go func() { done <- row.deliver(m, incoming("SMb", false), cookie) }()
				webhooktest.Receive(t, "the call", app.begun)
				proxy.Down()
				app.answers <- nil
				webhooktest.Receive(t, "a connection that fails", failed)
				close(app.answers)
				go func() {
					for range app.begun { // a second call
					}
				}()
				proxy.Up()
				o := webhooktest.Receive(t, "the outcome", done)
				close(app.begun)
				if app.expect(t, row.want...); o.Err != nil || o.Attempts < 2 {
					t.Errorf("got %+v", o)
				}
			})
		})
	}
}

// The reply to the commit of the first message is lost.
func TestKeptAnswerWithoutARecord(t *testing.T) {
	for name, script := range map[string]*redis.Script{
		"of the record's script": scripts.record, "of the pointer's script": scripts.pointer,
	} {
		t.Run(name, func(t *testing.T) {
			app, held := &ledger{}, newModel()
			cuts := 1
			m := withApp(&redis.Pool{Dial: func() (redis.Conn, error) {
				return &losing{sharedConn: &sharedConn{shared: &shared{model: held}},
					script: script, cuts: &cuts}, nil
			}}, app)
			o := m.enqueue(t.Context(), incoming("SMa", false), "")
			if app.expect(t, "SMa/1/0"); o.Err != nil || o.Attempts != 2 || o.Calls.Count != 1 ||
				o.Reply.Texts[0] != "call 1" {
				t.Errorf("got %+v", o)
			}
		})
	}
}

// losing is a connection that loses the reply to a script, or to GETEX if script is nil.
type losing struct {
	*sharedConn
	script *redis.Script
	cuts   *int
}

func (l *losing) Receive() (any, error) {
	next := l.queue[0]
	isCut := *l.cuts > 0 &&
		(l.script == nil && next.command == "GETEX" || l.script != nil && next.args[0] == l.script.Hash())
	reply, err := l.sharedConn.Receive()
	if isCut {
		*l.cuts--
		l.sharedConn.err, err = errCut, errCut
	}
	return reply, err
}

func (l *losing) Do(command string, args ...any) (any, error) {
	if command == "" {
		return nil, nil
	}
	_ = l.Send(command, args...)
	return l.Receive()
}

// The record changes during the call, or during the failure after it.
func TestCallAfterAConflict(t *testing.T) {
	t.Run("the app is called again with the newer state", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			app, s := &ledger{}, newShared()
			m := withApp(s.pool(), app)
			cookie := m.enqueue(t.Context(), incoming("SMa", false), "").token
			app.answers = make(chan error)
			done := send(m, incoming("SMb", false), cookie)
			synctest.Wait()
			if _, found, err := End(t.Context(), s.pool(), m.keys, to, from); !found || err != nil {
				t.Fatal(found, err)
			}
			close(app.answers)
			o := <-done
			app.expect(t, "SMa/1/0", "SMb/1/1", "SMb/2/0")
			if o.Err != nil || o.Conflicts != 1 || o.Calls.Count != 2 || o.Result != Begun ||
				o.Reply.Texts[0] != "call 3" {
				t.Errorf("got %+v", o)
			}
		})
	})
	t.Run("a kept answer is thrown away if the record has changed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			app, s := &ledger{}, newShared()
			m := withApp(s.pool(), app)
			cookie := m.enqueue(t.Context(), incoming("SMa", false), "").token
			app.answers = make(chan error)
			done := send(m, incoming("SMb", false), cookie)
			synctest.Wait()
			s.setDown(true)
			close(app.answers)
			time.Sleep(time.Second)
			s.setDown(false)
			changed, err := record.Parse([]byte(s.get("sms:session:" + cookie)))
			if err != nil {
				t.Fatal(err)
			}
			s.set("sms:session:"+cookie, string(changed.End(time.Now()).Bytes()))
			o := <-done
			app.expect(t, "SMa/1/0", "SMb/1/1", "SMb/2/0")
			if o.Err != nil || o.Conflicts != 1 || o.Calls.Count != 2 {
				t.Errorf("got %+v", o)
			}
		})
	})
}

// The turn expires during the failure, and another replica has taken it. The kept answer is committed without a turn,
// and the other replica calls the app again.
func TestKeptAnswerWithoutTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, s := &ledger{}, newShared()
		m := withApp(s.pool(), app)
		cookie := m.enqueue(t.Context(), incoming("SMa", false), "").token
		app.answers = make(chan error)
		done := send(m, incoming("SMb", false), cookie)
		synctest.Wait()
		s.setDown(true)
		close(app.answers)
		time.Sleep(time.Second)
		s.set(turnKey, "of another replica")
		s.setDown(false)
		up := time.Now()
		o := <-done
		if app.expect(t, "SMa/1/0", "SMb/1/1"); o.Err != nil || o.Conflicts != 0 || time.Since(up) > maxPause {
			t.Errorf("got %+v after %v", o, time.Since(up))
		}
		if s.get(turnKey) != "of another replica" {
			t.Error("the turn of another replica was released")
		}
	})
}

// A client that hangs up after the call does not stop the commit.
func TestHangUpAfterTheCall(t *testing.T) {
	for _, row := range []struct {
		name string
		fail func(m *Manager, s *shared) (end func())
	}{
		{"while connections break", func(_ *Manager, s *shared) func() {
			s.setDown(true)
			return func() { s.setDown(false) }
		}},
		{"while no connection can be opened", func(_ *Manager, s *shared) func() {
			s.setRefuses(true)
			return func() { s.setRefuses(false) }
		}},
		{"while all connections are in use", func(m *Manager, _ *shared) func() {
			<-m.slots
			return m.slots.release
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, s := &ledger{answers: make(chan error)}, newShared()
				m := withApp(s.pool(), app)
				m.slots = newSlots(1)
				ctx, hangUp := context.WithCancel(t.Context())
				done := sendContext(ctx, m, incoming("SMa", false), "")
				synctest.Wait()
				end := row.fail(m, s)
				hangUp()
				close(app.answers)
				time.Sleep(500 * time.Millisecond)
				synctest.Wait()
				end()
				if o := <-done; o.Err != nil || o.Result != Begun {
					t.Errorf("got %+v", o)
				}
				app.expect(t, "SMa/1/0")
			})
		})
	}
}
