package node

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/redispool/dial"
)

// wire is a network connection to a node, after the login. One goroutine may send while another one receives.
type wire struct {
	node    *Node
	socket  *socket
	raw     redis.Conn            // the connection of redigo, over socket
	peer    string                // the remote address; "" if the connection was never open
	expires time.Time             // the pool does not hand out the connection after this time
	err     atomic.Pointer[error] // the error after which it must not be used again
	broken  error                 // the error after which no reply can be received; only receive uses it
}

// retire ends the use of the wire after its present commands.
func (w *wire) retire(err error) { w.err.CompareAndSwap(nil, &err) }

// lastErr returns an error if the wire must not be used for another round trip.
func (w *wire) lastErr() error {
	if err := w.err.Load(); err != nil {
		return *err
	}
	return nil
}

// isUsable reports whether the wire is young enough and in order.
func (w *wire) isUsable(now time.Time) bool { return w.lastErr() == nil && now.Before(w.expires) }

// isReusable is like isUsable, and returns false if another connection to the same address was lost after lastUsed.
func (w *wire) isReusable(lastUsed, now time.Time) bool {
	lost, found := w.node.losses.Load(w.peer)
	return w.isUsable(now) && !(found && !lastUsed.After(lost.(time.Time)))
}

// send queues commands at the socket. receive returns its errors.
func (w *wire) send(commands []Command) {
	for _, command := range commands {
		_ = w.raw.Send(command.Name, command.Args...)
	}
}

// receiveAll receives the replies to commands.
func (w *wire) receiveAll(commands []Command, replies []Reply) {
	for i, command := range commands {
		replies[i] = w.receive(command)
	}
}

// receive receives the reply to a command and decides whether its error ends the use of the wire. A server that was
// demoted or that is loading keeps its connections open, but it refuses the command. Another server may accept it. An
// unknown error of a script may also mean that the server was demoted.
//
// After an error of the network, nothing is received anymore: redigo may have read a part of a reply, and would take
// the rest for the next one.
func (w *wire) receive(command Command) Reply {
	var value any
	err := w.broken
	if err == nil {
		value, err = w.raw.Receive()
	}
	if err == nil {
		return Reply{Value: value}
	}
	_, isReply := errors.AsType[redis.Error](err)
	code := Code(err)
	if !isReply {
		w.broken = err
	}
	if !isReply || unavailable(code) || command.IsScript() && !reusable(code) {
		w.retire(err)
	}
	if !isReply || unavailable(code) {
		w.node.lose(w.peer, err)
	}
	w.node.options.Failed(err)
	return Reply{Err: redact(err)}
}

// connect opens a connection, logs in and calls greet, which may be nil.
func (n *Node) connect(ctx context.Context, greet func(redis.Conn) error) (*wire, error) {
	w := &wire{node: n, expires: time.Now().Add(minAge + rand.N(ageSpread))}
	login := n.options.Login()
	err := w.open(ctx, login.TLS)
	if err == nil {
		if err = w.logIn(login); err == nil && greet != nil {
			err = greet(w.raw)
		}
		if err != nil {
			_ = w.raw.Close()
		}
	}
	if w.peer != "" {
		n.options.Dialer.Report(w.peer, err == nil)
	}
	return w, err
}

// open opens the network connection, with TLS unless config is nil.
func (w *wire) open(ctx context.Context, config *tls.Config) error {
	o := w.node.options
	network, err := o.Dialer.Dial(ctx, w.node.addr)
	if err != nil {
		return err
	}
	w.peer = network.RemoteAddr().String()
	if config != nil {
		if network, err = secure(ctx, network, w.node.addr, config); err != nil {
			return err
		}
	}
	w.socket = &socket{Conn: network, timeout: o.Timeout, open: o.Open}
	w.raw = redis.NewConn(w.socket, 0, 0)
	if o.Open != nil {
		o.Open.Add(1)
	}
	return nil
}

// secure does the TLS handshake with the server at addr. If it fails, secure closes the connection.
func secure(ctx context.Context, network net.Conn, addr string, config *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dial.Timeout)
	defer cancel()
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(addr)
	}
	encrypted := tls.Client(network, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		_ = network.Close()
		return nil, err
	}
	return encrypted, nil
}

// logIn authenticates and selects the database. redigo could do both, but its error does not show which step failed. An
// error reply to either step is a refusal.
func (w *wire) logIn(l Login) error {
	if err := w.ping(); err != nil {
		return err
	}
	var commands []Command
	switch {
	case l.Username != "":
		commands = append(commands, Command{"AUTH", []any{l.Username, l.Password}})
	case l.Password != "":
		commands = append(commands, Command{"AUTH", []any{l.Password}})
	}
	if database := w.node.options.Database; database != 0 {
		commands = append(commands, Command{"SELECT", []any{database}})
	}
	for _, command := range commands {
		if _, err := w.raw.Do(command.Name, command.Args...); Code(err) != "" {
			return Refuse(redact(err))
		} else if err != nil {
			return err
		}
	}
	return nil
}

// ping returns an error if the server does not accept the connection. A server that has too many clients refuses a new
// one only in its first reply. A server that does not permit PING has accepted the connection.
func (w *wire) ping() error {
	_, err := w.raw.Do("PING")
	if code := Code(err); code == "NOAUTH" || code == "NOPERM" {
		return nil
	}
	return err
}
