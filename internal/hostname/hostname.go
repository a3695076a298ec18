// Package hostname checks and classifies the host of a Host header or of a URL. It makes no DNS lookup.
package hostname

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// Of returns the name or the IP address in a Host header, in lower case. Of removes the port, the brackets of an IPv6
// address, and one dot at the end. It does not check the name: for a malformed header, it may return any text.
func Of(host string) string {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else if inner, ok := strings.CutPrefix(host, "["); ok {
		name = strings.TrimSuffix(inner, "]")
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// IsLoopback reports whether a name from Of is localhost, a name below it (RFC 6761, section 6.3), or a loopback
// address.
func IsLoopback(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || IsLoopbackIP(name)
}

// IsLoopbackIP reports whether a name from Of is a loopback address.
func IsLoopbackIP(name string) bool {
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}

// IsIP reports whether a name from Of is an IP address. DNS rebinding needs a name: a browser that opens a page by its
// address makes no DNS lookup.
func IsIP(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// Valid reports whether a name is an IP address, or is not empty and has only letters, digits, hyphens, dots and
// underscores. Letters outside ASCII are valid.
func Valid(name string) bool {
	isInvalid := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r)
	}
	return IsIP(name) || name != "" && !strings.ContainsFunc(name, isInvalid)
}

// The errors of Check. ErrName means that the host is not empty but is not Valid.
var (
	ErrName = errors.New("the host is neither a name nor an IP address")

	errNone = errors.New("the URL has no host")
	errPort = errors.New("the port is not a number from 1 to 65535")
)

// Check checks the host and the port of a URL. The port may be missing. The error is a sentence that does not quote the
// URL. The same problem always gives the same error value. If the error is ErrName, the port is valid or missing.
func Check(u *url.URL) error {
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	hasPort := u.Port() != "" || strings.HasSuffix(u.Host, ":")
	switch {
	case u.Hostname() == "":
		return errNone
	case hasPort && (err != nil || port == 0):
		return errPort
	case !Valid(u.Hostname()):
		return ErrName
	}
	return nil
}
