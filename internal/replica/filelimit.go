package replica

import "fmt"

// affordableConnections returns how many connections the public listener may have. This is at most half of the files
// that the process may open, because the connections to Redis need files too. At the limit for connections, the
// service closes idle connections. At the limit for files, it could not accept a connection. If the number is lower
// than configured, warning is a sentence about it.
func affordableConnections(configured int) (connections int, warning string) {
	files, isKnown := openFiles()
	if !isKnown || files/2 >= uint64(configured) {
		return configured, ""
	}
	return int(files / 2), fmt.Sprintf("MAX_CONNECTIONS is lowered from %d to %d, because the process may open only %d "+
		"files: raise LimitNOFILE or ulimit -n to use all of it", configured, files/2, files)
}
