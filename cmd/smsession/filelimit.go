package main

import "log/slog"

// affordableConnections returns how many connections there may be: at most half of the files that the process may have
// open, because Redis's connections need some. At its limit the service closes idle connections; out of files, it
// could not accept any.
func affordableConnections(configured int, log *slog.Logger) int {
	files, known := openFiles()
	if !known || files/2 >= uint64(configured) {
		return configured
	}
	log.Warn("MAX_CONNECTIONS needs twice as many open files: the limit is lowered, raise LimitNOFILE or ulimit -n",
		"max_connections", configured, "open_files", files, "lowered_to", files/2)
	return int(files / 2)
}
