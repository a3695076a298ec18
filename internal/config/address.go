package config

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"

	"smsession/internal/hostname"
)

// HostPort is the address of a listener. The zero HostPort is no listener.
type HostPort struct {
	Host string // a name or an IP address; "" for all interfaces
	Port string // from 0 to 65535; the system chooses a port in place of 0
}

// String returns the address for net.Listen. It returns "" for the zero HostPort.
func (a HostPort) String() string {
	if a == (HostPort{}) {
		return ""
	}
	return net.JoinHostPort(a.Host, a.Port)
}

func (a HostPort) isLoopback() bool { return hostname.IsLoopback(strings.ToLower(a.Host)) }

// parseHostPort refuses the name of a service in place of a port, such as :http, because its meaning depends on the host.
func parseHostPort(text string) (HostPort, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host != "" && !hostname.Valid(host) {
		return HostPort{}, errors.New("must be host:port or :port, such as 127.0.0.1:8080 or :8080")
	}
	port, ok := parsePort(port)
	if !ok {
		return HostPort{}, errors.New("must end in a port, a number from 0 to 65535, such as :8080")
	}
	return HostPort{host, port}, nil
}

// setPort parses PORT, which replaces only the port of the default address.
func (c *Config) setPort(text string) error {
	port, ok := parsePort(text)
	if !ok {
		return fmt.Errorf("%s is not a port, a number from 0 to 65535", quote(text))
	}
	c.Addr.Port = port
	return nil
}

// parsePort returns a port from 0 to 65535 without leading zeros.
func parsePort(text string) (port string, ok bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return strconv.FormatUint(n, 10), err == nil
}

// parseHostNames parses ADMIN_HOSTS. It accepts only names that can be in a Host header, which is ASCII. There are no
// wildcards, because DNS rebinding could use any name below a domain.
func parseHostNames(text string) (names []string, err error) {
	var problems []error
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		name := hostname.Of(entry)
		if !hostname.Valid(name) || strings.ContainsFunc(entry, func(r rune) bool { return r > unicode.MaxASCII || r == '/' }) {
			problems = append(problems, fmt.Errorf("%s is not a host name, such as sms-1 or metrics.example.com", quote(entry)))
		}
		names = append(names, name)
	}
	return names, errors.Join(problems...)
}
