package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// readCertificates reads the files that the URL names. No fault quotes a path,
// because the URL that contains it may also contain a secret.
func (r *Redis) readCertificates() (problems []string) {
	named := r.CAFile != "" || r.CertFile != "" || r.KeyFile != "" || r.ServerName != ""
	switch {
	case named && !r.TLS && !r.SentinelTLS:
		return []string{"has parameters for TLS, but no TLS: use rediss://, or tls=true with Sentinel and Cluster"}
	case (r.CertFile == "") != (r.KeyFile == ""):
		return []string{"has only one of the query parameters cert_file and key_file; a client certificate is both"}
	}
	if r.CAFile != "" {
		problems = append(problems, r.readRoots()...)
	}
	if r.CertFile != "" {
		problems = append(problems, r.readCertificate()...)
	}
	return problems
}

func (r *Redis) readRoots() (problems []string) {
	pem, problem := readPEM("ca_file", r.CAFile)
	if problem != "" {
		return []string{problem}
	}
	r.Roots = x509.NewCertPool()
	if !r.Roots.AppendCertsFromPEM(pem) {
		return []string{"names a ca_file that holds no certificate in PEM"}
	}
	return nil
}

func (r *Redis) readCertificate() (problems []string) {
	cert, problem := readPEM("cert_file", r.CertFile)
	if problem != "" {
		problems = append(problems, problem)
	}
	key, problem := readPEM("key_file", r.KeyFile)
	if problem != "" {
		problems = append(problems, problem)
	}
	if len(problems) > 0 {
		return problems
	}
	pair, err := tls.X509KeyPair(cert, key) // err may quote the content of the files
	if err != nil {
		return []string{"names a cert_file and a key_file that are no certificate and its unencrypted key in PEM"}
	}
	r.Certificate = &pair
	return nil
}

func readPEM(name, path string) (text []byte, problem string) {
	text, err := readFile(path)
	switch {
	case err != nil:
		return nil, fmt.Sprintf("names a %s that cannot be read: %v", name, cause(err))
	case len(text) > fileLimit:
		return nil, fmt.Sprintf("names a %s that is larger than 64 KiB", name)
	}
	return text, ""
}
