package replica

import "log/slog"

// affordableConnections returns how many connections the public listener may have. This is at most half of the files
// that the process may open, because the connections to Redis need files too. At the limit for connections, the
// service closes idle connections. At the limit for files, it could not accept a connection.
func affordableConnections(configured int, log *slog.Logger) int {
	files, isKnown := openFiles()
	if !isKnown || files/2 >= uint64(configured) {
		return configured
	}
	log.Warn("MAX_CONNECTIONS needs twice as many open files: MAX_CONNECTIONS was lowered. "+
		"To use all of it, raise LimitNOFILE or ulimit -n",
		"max_connections", configured, "open_files", files, "lowered_to", files/2)
	return int(files / 2)
}
