package session

import (
	"context"
	"time"

	"github.com/gomodule/redigo/redis"
)

// sweepTime is how long a sweep in the background may take, and the renewal or the release of a turn.
const sweepTime = time.Second

// sweep deletes the record that the attempts of a delivery made under their own token, unless the message was saved in
// this record. After a failure, sweep keeps the record if the pointer may lead to it, and otherwise deletes it in the
// background, so that it does not delay the answer. left is what all attempts have left in Redis, and token and err are
// those of the outcome.
func (m *Manager) sweep(ctx context.Context, d *delivery, left traces, token string, err error) {
	switch {
	case left.ownToken == "" || token == left.ownToken || err != nil && left.mayPoint:
	case err == nil:
		m.deleteOrphan(ctx, left.ownToken, d.SID)
	default:
		m.background.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), sweepTime)
			defer cancel()
			m.deleteOrphan(ctx, left.ownToken, d.SID)
		})
	}
}

// deleteOrphan deletes the record that a request made under its own token, unless another message was counted in it. It
// tries twice. If it cannot delete the record, the record expires, and no pointer leads to it.
func (m *Manager) deleteOrphan(ctx context.Context, token, sid string) {
	for range 2 {
		err := m.withSlot(ctx, nil, "sweep", func(conn redis.Conn) error {
			key := m.keys.Session(token)
			value, r, err := readRecord(conn, key)
			if err == nil && r != nil && r.HasOnly(sid) {
				_, err = scripts.discard.Do(conn, key, value)
			}
			return err
		})
		if err == nil {
			return
		}
	}
}
