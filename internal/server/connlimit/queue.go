package connlimit

import "slices"

// queue contains connections in the order in which they entered a state. A connection leaves a state without a lock,
// because its entry stays in the queue as a stale one.
type queue []entry

// entry is stale when its connection has changed its state since.
type entry struct {
	conn *Conn
	turn int64
}

func (e entry) isStale() bool { return e.turn != e.conn.turn.Load() }

// add adds a connection, which changes its state. It removes the stale entries when there are more than most entries.
func (q *queue) add(c *Conn, most int) {
	if len(*q) > most {
		*q = slices.DeleteFunc(*q, entry.isStale)
	}
	*q = append(*q, entry{conn: c, turn: c.turn.Add(1)})
}

// first returns the first connection. It returns nil if the queue is empty.
func (q *queue) first() *Conn {
	for len(*q) > 0 && (*q)[0].isStale() {
		(*q)[0] = entry{}
		*q = (*q)[1:]
	}
	if len(*q) == 0 {
		return nil
	}
	return (*q)[0].conn
}
