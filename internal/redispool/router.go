package redispool

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mna/redisc"
)

const (
	// redirections is how often one command follows MOVED and ASK: a slot that has just moved on takes two.
	redirections = 4

	// tryAgain is the pause after TRYAGAIN, which only commands with several keys get: the script of the quarantine.
	tryAgain = 10 * time.Millisecond
)

// router is a connection to a Cluster: each command goes to the node that has its key, on a connection of that node's
// pool. What is sent before a flush runs at the same time, wherever its keys are, and not in any order.
type router struct {
	nodes   *nodes
	sent    []request
	answers []answer
}

// request is a command that waits for Flush.
type request struct {
	command string
	args    []any
}

// keyOf returns the key by which a command finds its node. A command without one is for any node.
func keyOf(command string, args []any) (string, bool) {
	at := 0
	switch strings.ToUpper(command) {
	case "EVAL", "EVALSHA": // what to run, the number of keys, the keys
		if len(args) < 3 || text(args[1]) == "0" {
			return "", false
		}
		at = 2
	case "PING", "INFO", "CONFIG", "CLUSTER", "CLIENT", "COMMAND", "SCRIPT", "DBSIZE", "TIME", "ROLE", "WAIT", "SCAN", "KEYS", "ACL":
		return "", false
	}
	if len(args) <= at {
		return "", false
	}
	return text(args[at]), true
}

// text is an argument as redigo writes it.
func text(arg any) string {
	switch arg := arg.(type) {
	case string:
		return arg
	case []byte:
		return string(arg)
	}
	return fmt.Sprint(arg)
}

// Do runs what was sent before, too, and gives its own answer.
func (r *router) Do(command string, args ...any) (any, error) {
	if command == "" {
		r.sent, r.answers = nil, nil
		return nil, nil
	}
	if len(r.sent) > 0 {
		_ = r.Flush() // its errors are in the answers
	}
	r.answers = nil
	return r.run(command, args)
}

// Send remembers a command until Flush.
func (r *router) Send(command string, args ...any) error {
	r.sent = append(r.sent, request{command, args})
	return nil
}

// Flush runs what was sent, all at the same time, and waits for the answers.
func (r *router) Flush() error {
	from := len(r.answers)
	r.answers = append(r.answers, make([]answer, len(r.sent))...)
	var group sync.WaitGroup
	for i, q := range r.sent {
		a := &r.answers[from+i]
		if i == len(r.sent)-1 {
			a.reply, a.err = r.run(q.command, q.args)
			break
		}
		group.Go(func() { a.reply, a.err = r.run(q.command, q.args) })
	}
	group.Wait()
	r.sent = r.sent[:0]
	return nil
}

// Receive gives the answers in the order in which the commands were sent.
func (r *router) Receive() (any, error) {
	if len(r.answers) == 0 {
		return nil, errNothingSent
	}
	first := r.answers[0]
	r.answers = r.answers[1:]
	return first.reply, first.err
}

// run runs one command, and waits for its answer no longer than the limit. What it stops waiting for may still be done.
func (r *router) run(command string, args []any) (any, error) {
	limit := r.nodes.limit()
	until := time.Now().Add(limit)
	cluster, args, done := r.nodes.current(), kept(args), make(chan answer, 1)
	go func() {
		reply, err := r.nodes.lead(cluster, until, command, args)
		done <- answer{reply, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case a := <-done:
		return a.reply, a.err
	case <-timer.C:
		return nil, errSlow
	}
}

// kept are arguments that stay what they are when nobody waits for the command any more, and their bytes are used again.
func kept(args []any) []any {
	args = slices.Clone(args)
	for i, arg := range args {
		if b, ok := arg.([]byte); ok {
			args[i] = bytes.Clone(b)
		}
	}
	return args
}

// lead brings one command to its node, and follows the key where that is moving or has moved. It sends nothing once until
// has passed.
func (n *nodes) lead(cluster *redisc.Cluster, until time.Time, command string, args []any) (any, error) {
	began := time.Now()
	c := cluster.Get()
	defer c.Close()
	var keys []string
	if key, found := keyOf(command, args); found {
		keys = []string{key}
	}
	if err := redisc.BindConn(c, keys...); err != nil {
		return nil, n.explain(err, began)
	}
	if time.Now().After(until) {
		return nil, errSlow
	}
	following, err := redisc.RetryConn(c, redirections, tryAgain)
	if err != nil {
		return nil, err
	}
	reply, err := following.Do(command, args...)
	return reply, n.explain(err, began)
}

// Err is nil: it is the nodes' connections that break, and their pools that notice.
func (r *router) Err() error { return nil }

// Close gives up a place among those who use the nodes.
func (r *router) Close() error {
	r.nodes.release()
	return nil
}
