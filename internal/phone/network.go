package phone

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"math"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// idleTimeout is how long the phone keeps an unused connection open. Common servers keep it longer (gunicorn for 2 s),
// so that a request is rarely sent on a connection that its server is closing.
const idleTimeout = time.Second

// maxHead is the size of the largest response head that is read. It is far more than servers send.
const maxHead = 1 << 20

// Network is a pool of HTTP/1.1 connections for any number of phones. It is safe for concurrent use. The zero Network
// is ready for use. A Network must not be copied. Twilio does not document whether it keeps connections.
type Network struct {
	// TLS is the configuration of https connections; nil means Go's defaults with the system's root certificates. It
	// must not change once the Network is in use.
	TLS *tls.Config

	// Permit, if it is not nil, is called with the IP address and the port of each connection before it is made. If
	// Permit returns an error, the connection is not made and the request fails with error 11205. Permit must be safe
	// for concurrent use.
	Permit func(address string) error

	mu         sync.Mutex
	transports map[dialer]*http.Transport
}

// Close closes the idle connections. It closes the connections in use when their responses have been read. Phones may
// still use the Network.
func (n *Network) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, transport := range n.transports {
		transport.CloseIdleConnections()
	}
}

// transport returns the transport for a URL with the given overrides. URLs with the same connect time-out and the same
// choice of SNI share a transport.
func (n *Network) transport(o overrides) *http.Transport {
	d := dialer{network: n, timeout: o.connect, sni: o.sni}
	n.mu.Lock()
	defer n.mu.Unlock()
	if transport, found := n.transports[d]; found {
		return transport
	}
	transport := &http.Transport{
		DialContext:            d.dial,
		DialTLSContext:         d.dialTLS,
		DisableCompression:     true, // the phone asks for gzip itself, as Twilio does
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    math.MaxInt,
		MaxResponseHeaderBytes: maxHead,
	}
	if n.transports == nil {
		n.transports = make(map[dialer]*http.Transport)
	}
	n.transports[d] = transport
	return transport
}

// dialer makes the connections of one transport. Its errors have the type *failure.
type dialer struct {
	network *Network
	timeout time.Duration // for TCP, and again for TLS
	sni     bool          // the TLS handshake names the host
}

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	tcp := net.Dialer{Timeout: d.timeout}
	if permit := d.network.Permit; permit != nil {
		tcp.Control = func(_, address string, _ syscall.RawConn) error { return permit(address) }
	}
	raw, err := tcp.DialContext(ctx, network, address)
	if err != nil {
		return nil, dialFailure(err)
	}
	return &conn{Conn: raw, raw: raw.(*net.TCPConn)}, nil
}

func (d dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	plain, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	host, _, _ := net.SplitHostPort(address)
	secured := tls.Client(plain, d.config(host))
	if err := secured.HandshakeContext(ctx); err != nil {
		plain.Close()
		return nil, handshakeFailure(err)
	}
	return &conn{Conn: secured, raw: plain.(*conn).raw}, nil
}

// config returns the TLS configuration for a host. Without SNI, the configuration checks the certificate itself, in the
// same way as crypto/tls does with SNI.
func (d dialer) config(host string) *tls.Config {
	config := d.network.TLS.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	config.NextProtos = []string{"http/1.1"}
	if config.ServerName == "" {
		config.ServerName = host
	}
	if !d.sni && !config.InsecureSkipVerify {
		host, config.ServerName = config.ServerName, ""
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) error {
			options := x509.VerifyOptions{Roots: config.RootCAs, DNSName: host, Intermediates: x509.NewCertPool()}
			for _, certificate := range state.PeerCertificates[1:] {
				options.Intermediates.AddCert(certificate)
			}
			_, err := state.PeerCertificates[0].Verify(options)
			return err
		}
	}
	return config
}
