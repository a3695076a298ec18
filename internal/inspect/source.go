package inspect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool"
	"smsession/internal/session"
)

// Source is where conversations are looked for.
type Source struct {
	Pool *redispool.Pool
	Keys session.Keys
}

// Filter says which conversations are meant: those of an address on either side, as it stands in a message, where it is
// not "".
type Filter struct {
	To, From string
	Ended    bool // ended ones, too
}

// Conversation is one that goes on, as far as a list tells of it.
type Conversation struct {
	To, From string
	Count    int64
	Began    time.Time
	Written  time.Time     // when the last message was counted, as the replica's clock had it
	Left     time.Duration // until it is over if nobody texts; Forever if nothing says so
	Ended    bool
	Newer    bool // its record is of a later version: nothing but the addresses and Left is known
}

// Forever is what a key has left to live that does not expire. The service writes none.
const Forever = time.Duration(1<<63 - 1)

const (
	// page is how many keys Redis looks at for one SCAN: some 0.3 ms, in which it answers no message.
	page = 1000

	// batch is how many keys are asked for in one round trip. Records are 3 KB each: 768 KB.
	batch = 256
)

// Each calls visit with the conversations that the filter lets through, some at a time, as they are found. They are valid
// until visit returns; its error ends the search and is returned. The search goes by the pointers, with SCAN: Redis answers
// messages meanwhile, and nothing is held but one page. On a Cluster it goes from primary to primary.
//
// A conversation that is there from the beginning to the end is found. SCAN may bring one again when Redis makes its table
// smaller meanwhile, which is left out (see recently); one that a Cluster moves meanwhile may be found twice, or not at all.
func (s Source) Each(ctx context.Context, f Filter, visit func([]Conversation) error) error {
	if f.To != "" && f.From != "" {
		return s.one(ctx, f, visit)
	}
	var found recently
	err := s.keys(ctx, f, func(node redis.Conn, keys []string) error {
		return s.visit(ctx, reader{node, s.Pool.Pool}, f, found.fresh(keys), visit)
	})
	if err != nil {
		return fmt.Errorf("list conversations: %w", err)
	}
	return nil
}

// one goes to the pointer without a search.
func (s Source) one(ctx context.Context, f Filter, visit func([]Conversation) error) error {
	conn, err := s.Pool.GetContext(ctx)
	if err != nil {
		return fmt.Errorf("find conversation: %w", err)
	}
	defer conn.Close()
	err = s.visit(ctx, reader{conn, s.Pool.Pool}, f, []string{s.Keys.Conversation(f.To, f.From)}, visit)
	if err != nil {
		return fmt.Errorf("find conversation: %w", err)
	}
	return nil
}

// keys calls visit with the keys of conversations that match, and the server that has them, a page at a time.
func (s Source) keys(ctx context.Context, f Filter, visit func(node redis.Conn, keys []string) error) error {
	pattern := s.Keys.Pattern(f.To, f.From)
	return s.Pool.EachPrimary(ctx, func(_ string, node redis.Conn) error {
		for cursor := "0"; ; {
			if err := ctx.Err(); err != nil {
				return err
			}
			reply, err := redis.Values(node.Do("SCAN", cursor, "MATCH", pattern, "COUNT", page))
			if err != nil {
				return err
			}
			var keys []string
			if _, err := redis.Scan(reply, &cursor, &keys); err != nil {
				return err
			}
			if err := visit(node, keys); err != nil || cursor == "0" {
				return err
			}
		}
	})
}

// visit reads the conversations of some keys.
func (s Source) visit(ctx context.Context, r reader, f Filter, keys []string, visit func([]Conversation) error) error {
	for len(keys) > 0 {
		n := min(len(keys), batch)
		found, err := s.read(ctx, r, keys[:n], f.Ended)
		if err == nil && len(found) > 0 {
			err = visit(found)
		}
		if err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

// read goes from pointers to records. It asks for the sizes of both before it reads them.
func (s Source) read(ctx context.Context, r reader, keys []string, ended bool) ([]Conversation, error) {
	pointers, err := r.values(ctx, keys, int64(session.TokenLength()))
	if err != nil {
		return nil, err
	}
	var records []string
	var found []Conversation
	for i, key := range keys {
		token := string(pointers[i].text)
		to, from, ok := s.Keys.Addresses(key)
		if !ok || !session.IsToken(token) {
			continue
		}
		records = append(records, s.Keys.Session(token))
		found = append(found, Conversation{To: to, From: from})
	}
	values, err := r.values(ctx, records, session.MaxValue)
	if err != nil {
		return nil, err
	}
	live := found[:0]
	for i, c := range found {
		if c.take(values[i].text, values[i].left, time.Now()) && (ended || !c.Ended) {
			live = append(live, c)
		}
	}
	return live, nil
}

// take reads a record into a conversation whose addresses are known. It reports false if that does not go on: there is no
// record, it is not one of ours or another conversation's, or past its deadline.
func (c *Conversation) take(raw []byte, left time.Duration, now time.Time) bool {
	if raw == nil || left == 0 {
		return false
	}
	r, err := session.Parse(raw)
	if errors.Is(err, session.ErrNewer) {
		c.Newer, c.Left = true, left
		return true
	}
	if err != nil || !r.Belongs(c.To, c.From) || !now.Before(r.Deadline) {
		return false
	}
	c.Count, c.Began, c.Written, c.Ended = r.Counter, r.Began, r.Written, !r.Ended.IsZero()
	c.Left = min(left, r.Deadline.Sub(now))
	return true
}

// timeLeft reads the answer to PTTL: -1 is a key that stays, -2 one that is gone.
// See https://redis.io/docs/latest/commands/pttl/.
func timeLeft(ms int64) time.Duration {
	if ms == -1 {
		return Forever
	}
	return time.Duration(max(ms, 0)) * time.Millisecond
}
