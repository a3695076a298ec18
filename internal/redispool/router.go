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
	// redirections is how often one command follows MOVED and ASK. A slot that has just moved needs two redirections.
	redirections = 4

	// tryAgain is the pause after TRYAGAIN, which only commands with several keys get: the script of the quarantine.
	tryAgain = 10 * time.Millisecond
)

// router is a connection to a Cluster. It sends each command to the node that has its key, on a connection from the
// pool of that node. The commands before a flush run at the same time, on whatever nodes their keys are, and in no
// fixed order.
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

// keyOf returns the key that decides which node gets a command. A command without a key can go to any node.
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

// text returns an argument as redigo writes it.
func text(arg any) string {
	switch arg := arg.(type) {
	case string:
		return arg
	case []byte:
		return string(arg)
	}
	return fmt.Sprint(arg)
}

// Do first runs the commands that were sent before, and then the command. It returns the answer to the command.
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

// Send keeps a command until Flush.
func (r *router) Send(command string, args ...any) error {
	r.sent = append(r.sent, request{command, args})
	return nil
}

// Flush runs the commands that were sent, all at the same time, and waits for the answers.
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

// Receive returns the answers in the order in which the commands were sent.
func (r *router) Receive() (any, error) {
	if len(r.answers) == 0 {
		return nil, errNothingSent
	}
	first := r.answers[0]
	r.answers = r.answers[1:]
	return first.reply, first.err
}

// run runs one command and waits for its answer no longer than the limit. After the limit, the command may still be
// executed.
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

// kept returns a copy of the arguments, because the caller may change their bytes while a command that it no longer
// waits for still uses them.
func kept(args []any) []any {
	args = slices.Clone(args)
	for i, arg := range args {
		if b, ok := arg.([]byte); ok {
			args[i] = bytes.Clone(b)
		}
	}
	return args
}

// lead sends one command to the node that has its key, and follows redirections if the key is moving or has moved. It
// sends nothing after until.
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

// Err returns nil: only the connections of the nodes can break, and the pools of the nodes detect that.
func (r *router) Err() error { return nil }

// Close releases the router's share of the nodes. The last router that is closed closes the connections of the nodes.
func (r *router) Close() error {
	r.nodes.release()
	return nil
}
