package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certFile is the name of the file that contains the certificate and its key.
const certFile = "redistest.pem"

// writeCertificate writes a certificate for this host and its key to a file in dir, in PEM. The certificate is
// self-signed, so it is its own authority. Servers and clients use the same certificate.
func writeCertificate(tb testing.TB, dir string) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatalf("redistest: make a key: %v", err)
	}
	certificate := &x509.Certificate{
		NotBefore:   time.Now().Add(-time.Hour), // for clocks that were set back
		NotAfter:    time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.ParseIP(host)},
	}
	signed, err := x509.CreateCertificate(rand.Reader, certificate, certificate, &key.PublicKey, key)
	if err != nil {
		tb.Fatalf("redistest: sign a certificate: %v", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatalf("redistest: encode a key: %v", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(filepath.Join(dir, certFile), text, 0o600); err != nil {
		tb.Fatalf("redistest: write a certificate: %v", err)
	}
}

// PEMFile returns the path of a file with a certificate and its key, in PEM. Clients use it as the authority of the
// server and as a client certificate. Without Options.TLS, there is no such file.
func (s *Server) PEMFile() string { return filepath.Join(s.options.certs, certFile) }

// ClientTLS returns the TLS settings of a client that trusts the authority and has a client certificate. Without
// Options.TLS, the test fails.
func (s *Server) ClientTLS() *tls.Config {
	s.tb.Helper()
	cert, err := tls.LoadX509KeyPair(s.PEMFile(), s.PEMFile())
	if err != nil {
		s.tb.Fatalf("redistest: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	return &tls.Config{RootCAs: roots, ServerName: host, Certificates: []tls.Certificate{cert}}
}
