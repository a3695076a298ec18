//go:build !unix

package socket

import "net"

// Peek returns Unknown, because this system is not Unix.
func Peek(net.Conn) State { return Unknown }
