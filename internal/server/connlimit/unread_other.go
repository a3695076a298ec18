//go:build !unix

package connlimit

import "net"

// hasUnread returns false, because this system cannot report that bytes have arrived and have not been read.
func hasUnread(net.Conn) bool { return false }
