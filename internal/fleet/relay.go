package fleet

import (
	"io"
	"net"
)

// relay passes the bytes of the connections of l on to a TCP address and back, until l is closed. If l is cut, no more
// bytes of the clients arrive at the address: each of the two directions ends as soon as the other one does.
func relay(l net.Listener, address string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer server.Close()
			go func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			}()
			_, _ = io.Copy(client, server)
		}()
	}
}
