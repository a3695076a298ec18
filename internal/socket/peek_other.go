//go:build !unix

package socket

import "net"

// Peek returns Unknown.
func Peek(net.Conn) State { return Unknown }
