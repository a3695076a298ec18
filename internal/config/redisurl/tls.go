package redisurl

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

func newTLS() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }

// readCertificates reads the files that the URL names, and gives each login that uses TLS the result. No error quotes a
// path or the content of a file.
func (u *URL) readCertificates(readFile func(path string) ([]byte, error)) error {
	named := u.CAFile != "" || u.CertFile != "" || u.KeyFile != "" || u.ServerName != ""
	switch {
	case named && u.Redis.TLS == nil && u.Sentinels.TLS == nil:
		return errors.New("the URL has query parameters for TLS, but no TLS: use rediss://, or tls=true with Sentinel and Cluster")
	case (u.CertFile == "") != (u.KeyFile == ""):
		return errors.New("the URL has only one of the query parameters cert_file and key_file: a client certificate needs both")
	}
	var problems []error
	read := func(parameter, path string) (content []byte) {
		if path == "" {
			return nil
		}
		content, err := readFile(path)
		if err != nil {
			problems = append(problems, fmt.Errorf("the %s %w", parameter, err))
		}
		return content
	}
	ca, cert, key := read("ca_file", u.CAFile), read("cert_file", u.CertFile), read("key_file", u.KeyFile)
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	config := newTLS()
	config.ServerName = u.ServerName
	if u.CAFile != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			problems = append(problems, errors.New("the ca_file contains no certificate in PEM format"))
		}
	}
	if u.CertFile != "" {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil { // err may quote the content of the files
			problems = append(problems, errors.New(
				"the cert_file and the key_file are not a certificate and its unencrypted key in PEM format"))
		}
		config.Certificates = []tls.Certificate{pair}
	}
	for _, login := range u.logins() {
		if login.TLS != nil {
			login.TLS = config
		}
	}
	return errors.Join(problems...)
}
