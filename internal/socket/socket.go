// Package socket reports whether a connection has bytes to read, without reading them.
package socket

// State is the state of a connection, as its next read would find it.
type State int

// The states. On a system that is not Unix, and for a connection without a socket, the state is always Unknown.
const (
	Unknown State = iota // the connection has ended, or its state cannot be determined
	Quiet                // the connection is open, and there is nothing to read
	Unread               // at least one byte can be read
)
