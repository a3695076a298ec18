//go:build !unix

package phone

import "net"

// isQuiet returns false, so that no connection is used twice: there is no way to look at it without reading.
func isQuiet(*net.TCPConn) bool { return false }
