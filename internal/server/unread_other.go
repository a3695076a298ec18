//go:build !unix

package server

import "net"

// unread returns 0, because this system cannot report how many bytes have arrived and have not been read.
func unread(net.Conn) int { return 0 }
