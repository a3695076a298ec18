package phone

// KeepIdleConnections keeps idle connections without a time limit, so that a test on a busy machine does not lose them.
func (n *Network) KeepIdleConnections() {
	for _, fragment := range []string{"", "sni=n"} {
		o, err := parseOverrides(fragment)
		if err != nil {
			panic(err)
		}
		n.transport(o).IdleConnTimeout = 0
	}
}
