// Package socket looks at bytes that have arrived on a connection and have not been read.
package socket

// State is what the next read of a connection would find.
type State int

// The states. On a system that is not Unix, and for a connection without a socket, the state is always Unknown.
const (
	Unknown State = iota // the connection has ended, or its state cannot be found out
	Quiet                // the connection is open, and there is nothing to read
	Unread               // at least one byte can be read
)
