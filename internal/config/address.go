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

// HostPort is the address of a listener. The zero HostPort means that there is none.
type HostPort struct {
	Host string // a name or an IP address; "" for all interfaces
	Port string // a number from 0 to 65535; for 0, the system chooses a port
}

// String returns the address for net.Listen. It returns "" for the zero HostPort.
func (a HostPort) String() string {
	if a == (HostPort{}) {
		return ""
	}
	return net.JoinHostPort(a.Host, a.Port)
}

func (a HostPort) isLoopback() bool { return hostname.IsLoopback(strings.ToLower(a.Host)) }

func parseHostPort(text string) (HostPort, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host != "" && !hostname.Valid(host) {
		return HostPort{}, errors.New("must be host:port or :port, such as 127.0.0.1:8080 or :8080")
	}
	port, err = parsePort(port)
	return HostPort{host, port}, err
}

// parsePort refuses the name of a service, such as http, because its meaning depends on the host.
func parsePort(text string) (string, error) {
	if _, err := strconv.ParseUint(text, 10, 16); err != nil {
		return "", errors.New("the port must be a number from 0 to 65535, such as 8080")
	}
	return text, nil
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
