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

// parseHostPort parses the address of a listener: a name, an IP address or nothing, a colon, and a port. Without a host,
// the listener has all interfaces. For port 0, the system chooses a port.
func parseHostPort(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host != "" && !hostname.Valid(host) {
		return "", errors.New("must be host:port or :port, such as 127.0.0.1:8080 or :8080")
	}
	return withHost(host)(port)
}

// withHost returns a parser of the port of a listener. It refuses the name of a service, such as http, because the meaning
// of the name depends on the host.
func withHost(host string) func(string) (string, error) {
	return func(port string) (string, error) {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return "", errors.New("the port must be a number from 0 to 65535, such as 8080")
		}
		return net.JoinHostPort(host, port), nil
	}
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
