package inspect

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// reader asks one server many things in one round trip. What that says another has, as a Cluster's node does, it asks
// through the pool.
type reader struct {
	node redis.Conn
	pool *redis.Pool
}

// question is a command with a key and nothing else.
type question struct{ command, key string }

// elsewhere is how many questions go through the pool at a time: on a Cluster each takes a connection of its own.
const elsewhere = 32

// ask returns the answers in the order of the questions, nil where there is none or the key is of another type.
func (r reader) ask(ctx context.Context, questions []question) ([]any, error) {
	if len(questions) == 0 {
		return nil, nil
	}
	answers := make([]any, len(questions))
	var moved []int
	err := pipeline(r.node, questions, func(i int, answer any, err error) error {
		if code(err, "MOVED") || code(err, "ASK") {
			moved = append(moved, i)
			return nil
		}
		answers[i] = answer
		return err
	})
	if err != nil || len(moved) == 0 {
		return answers, err
	}
	conn, err := r.pool.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	for len(moved) > 0 {
		n := min(len(moved), elsewhere)
		again := make([]question, n)
		for i, place := range moved[:n] {
			again[i] = questions[place]
		}
		err := pipeline(conn, again, func(i int, answer any, err error) error {
			answers[moved[i]] = answer
			return err
		})
		if err != nil {
			return nil, err
		}
		moved = moved[n:]
	}
	return answers, nil
}

// value is the value of a key, as far as it was read.
type value struct {
	text []byte        // nil if the key is missing, is not a string, or is too large
	size int64         // of the string, whether it was read or not
	left time.Duration // the time to live; Forever if it has none
}

// values returns the values of keys. It asks for the sizes first, and does not
// read strings of more than most bytes.
func (r reader) values(ctx context.Context, keys []string, most int64) ([]value, error) {
	values := make([]value, len(keys))
	sizes := make([]question, 0, 2*len(keys))
	for _, key := range keys {
		sizes = append(sizes, question{"STRLEN", key}, question{"PTTL", key})
	}
	answers, err := r.ask(ctx, sizes)
	if err != nil {
		return nil, err
	}
	var texts []question
	var at []int
	for i, key := range keys {
		size, isString := answers[2*i].(int64)
		left, _ := answers[2*i+1].(int64)
		values[i] = value{size: size, left: timeLeft(left)}
		if isString && size <= most {
			texts, at = append(texts, question{"GET", key}), append(at, i)
		}
	}
	if answers, err = r.ask(ctx, texts); err != nil {
		return nil, err
	}
	for i, answer := range answers {
		values[at[i]].text, _ = answer.([]byte)
	}
	return values, nil
}

// pipeline asks a connection and takes each answer, or the error in its place. All answers are read, whatever the first
// error is: the connection may be used again.
func pipeline(conn redis.Conn, questions []question, take func(i int, answer any, err error) error) error {
	for _, q := range questions {
		if err := conn.Send(q.command, q.key); err != nil {
			return err
		}
	}
	if err := conn.Flush(); err != nil {
		return err
	}
	var first error
	for i := range questions {
		answer, err := conn.Receive()
		if err != nil && conn.Err() != nil {
			return err
		}
		if code(err, "WRONGTYPE") {
			err = nil
		}
		if err := take(i, answer, err); first == nil {
			first = err
		}
	}
	return first
}

// code reports whether err is an answer of Redis's with a code, such as MOVED.
func code(err error, code string) bool {
	var refused redis.Error
	return errors.As(err, &refused) && strings.HasPrefix(string(refused), code+" ")
}
