package redistest

import "strconv"

// Options configure a Server. A Server with the zero value keeps nothing on disk and has neither a password nor TLS.
type Options struct {
	// AppendOnly makes the server write every command to disk before it answers, so that a killed server loses nothing.
	AppendOnly bool
	// Password is the password of the default user.
	Password string
	// TLS makes the server accept TLS only. Its certificate is for 127.0.0.1 and localhost; see [Server.PEMFile].
	TLS bool
	// ClientCertificate makes the server require a client certificate of its authority; see [Server.PEMFile].
	ClientCertificate bool
	// Config is the text of a configuration file. Sentinel needs such a file, because it rewrites its configuration.
	Config string
	// Args are further arguments of redis-server, such as "--user", "app", "on", ">secret", "~sms:*", "+@all".
	Args []string

	// isNode makes the server a node of a Cluster.
	isNode bool
	// certs is the folder of a certificate that another server uses too. If it is "", a new one is made.
	certs string
}

// args returns the arguments of redis-server. Options.Args can override the arguments before them. They cannot override
// the arguments after them, because this package relies on those.
func (s *Server) args() []string {
	var args []string
	if s.options.Config != "" {
		args = append(args, s.configFile())
	}
	args = append(args, "--save", "")
	if s.options.AppendOnly {
		args = append(args, "--appendonly", "yes", "--appendfsync", "always")
	}
	if s.options.Password != "" {
		args = append(args, "--requirepass", s.options.Password)
	}
	args = append(args, s.options.Args...)
	if s.options.isNode {
		args = append(args, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(s.bus))
	}
	port := strconv.Itoa(s.port)
	if s.options.TLS {
		clients := "no"
		if s.options.ClientCertificate {
			clients = "yes"
		}
		args = append(args, "--port", "0", "--tls-port", port, "--tls-auth-clients", clients,
			"--tls-ca-cert-file", s.PEMFile(), "--tls-cert-file", s.PEMFile(), "--tls-key-file", s.PEMFile())
	} else {
		args = append(args, "--port", port)
	}
	// redis-server logs the ready line at the level notice.
	return append(args, "--bind", host, "--dir", s.dir, "--daemonize", "no", "--logfile", "", "--loglevel", "notice")
}
