//go:build !unix

package server

import "net"

// unread returns how many bytes have come on a connection that nobody has read yet: on this system it is not known.
func unread(net.Conn) int { return 0 }
