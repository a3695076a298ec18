package session

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/session/record"
)

const (
	// turnTime is how long a turn lasts after it was taken or renewed. A replica that dies blocks a conversation for
	// this long.
	turnTime = 3 * time.Second

	// renewalInterval leaves time for a second renewal if one fails.
	renewalInterval = time.Second

	// maxTurnsInRow is how many turns of one conversation a replica takes before it pauses for turnPause. Without the
	// pause, the other replicas, which only poll, waited for 7 s while one had a long line of messages.
	maxTurnsInRow = 4
	turnPause     = 50 * time.Millisecond

	// commitTime is how much of the budget is kept for the commit after a call.
	commitTime = time.Second
)

// turn is the right of one delivery to call the app for its conversation, among the deliveries of all replicas. It only
// makes it rare that the app is called twice for a message: a turn may expire, or be lost in a failover, while its
// delivery still believes in it. Compare-and-set alone decides what is saved. A turn never changes after it was made.
type turn struct {
	key   string
	token string // random
	rank  int    // of the message in its queue
}

// hold returns the arguments of the scripts turn and renew.
func (t *turn) hold() []any { return []any{t.key, t.token, turnTime.Milliseconds()} }

// release returns the arguments of the script discard, which deletes the turn if it still is this one.
func (t *turn) release() []any { return []any{t.key, t.token} }

// lastCall returns the time after which no call begins: a quarter of the time that a call may take must be left. ctx
// ends with the budget.
func (m *Manager) lastCall(ctx context.Context) time.Time {
	longest := min(m.options.CallTimeout, m.options.Budget-commitTime)
	return callDeadline(ctx).Add(-longest / 4)
}

// callDeadline returns the time at which a call must have ended. ctx ends with the budget.
func callDeadline(ctx context.Context) time.Time {
	end, _ := ctx.Deadline()
	return end.Add(-commitTime)
}

// deliverInTurn is like deliver, and each attempt takes the turn of the conversation. If no commit has released it,
// deliverInTurn releases it in the background, so that the outcome is not delayed: after a failure, after the client
// has hung up, and if the responder panics. rank is that of the message in the queue.
func (m *Manager) deliverInTurn(ctx context.Context, hangUp <-chan struct{}, d *delivery, rank int) (o *Outcome) {
	inTurn := *d
	d = &inTurn
	d.turn = &turn{key: m.keys.Turn(d.To, d.From), token: rand.Text(), rank: rank}
	defer func() {
		if o == nil || o.Err != nil {
			m.background.Go(func() { m.runBriefly("release turn", scripts.discard, d.turn.release()) })
		}
	}()
	return m.deliver(ctx, hangUp, d)
}

// takeTurn waits until the delivery has its turn, and reports whether it has. It gives up when the call would begin too
// late. It does not wait if an earlier attempt has kept its answer, because this attempt then needs no call. early is
// what was read in the same round trip.
//
// The errors are ErrGone and those of Redis.
func (m *Manager) takeTurn(ctx context.Context, d *delivery, past *history) (early prefetched, has bool, err error) {
	latest := m.lastCall(ctx)
	mustPause := past.attempts == 0 && d.turn.rank > 0 && d.turn.rank%maxTurnsInRow == 0
	isEasy := !mustPause && len(m.slots) > 0 && time.Now().Before(latest)
	if isEasy { // the usual case needs no timer
		if early, has, err = m.pollTurn(ctx, d, past); err != nil || has || past.kept != nil {
			return early, has, err
		}
	}
	ctx, cancel := context.WithDeadline(ctx, latest)
	defer cancel()
	switch {
	case mustPause:
		err = sleep(ctx, past.hangUp, turnPause)
	case isEasy:
		err = pause(ctx, past.hangUp, 1, nil)
	}
	for polls := 1; err == nil; polls++ {
		if early, has, err = m.pollTurn(ctx, d, past); err != nil || has || past.kept != nil {
			break
		}
		err = pause(ctx, past.hangUp, polls, nil)
	}
	if ctx.Err() != nil { // find returns the error of Redis, if there is one
		return prefetched{}, false, nil
	}
	return early, has, err
}

// pollTurn takes the turn if nobody else has it. In the same round trip, it reads what find needs first. On a Cluster,
// the turn and the record are on different nodes, so the record is read later.
func (m *Manager) pollTurn(ctx context.Context, d *delivery, past *history) (early prefetched, has bool, err error) {
	first, key, known := d.pointerKey, d.pointerKey, (*record.Record)(nil)
	if past.attempts == 0 && d.cookie != "" {
		first, key = d.cookie, m.keys.Session(d.cookie)
		known = m.cache.get(d.cookie)
	}
	calls := []call{newCall(scripts.turn, 0, d.turn.hold()...)}
	if !m.options.IsCluster {
		calls = append(calls, find(key, known))
	}
	err = m.withSlot(ctx, past.hangUp, "take turn", func(conn redis.Conn) error {
		replies := runAtOnce(ctx, conn, calls...)
		if has = replies[0].hasSaved(); has && len(calls) > 1 {
			if value, isRead := replies[1].text(known); isRead {
				early = prefetched{first, value}
			}
		}
		return replies[0].err
	})
	return early, has, err
}

// keepTurn renews a turn in the background until stop is called. Most calls end before the first renewal, so there is
// no goroutine before it.
func (m *Manager) keepTurn(t *turn) (stop func()) {
	stopped := make(chan struct{})
	m.background.Add(1)
	first := time.AfterFunc(m.renewalInterval, func() {
		defer m.background.Done()
		for err := error(nil); err == nil; err = sleep(context.Background(), stopped, m.renewalInterval) {
			m.runBriefly("renew turn", scripts.renew, t.hold())
		}
	})
	return func() {
		close(stopped)
		if first.Stop() {
			m.background.Done()
		}
	}
}

// runBriefly runs a script that may fail.
func (m *Manager) runBriefly(what string, script *redis.Script, args []any) {
	ctx, cancel := context.WithTimeout(context.Background(), sweepTime)
	defer cancel()
	_ = m.withSlot(ctx, nil, what, func(conn redis.Conn) error { return newCall(script, 0, args...).run(conn).err })
}
