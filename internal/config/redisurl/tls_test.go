package redisurl_test

import (
	"crypto/tls"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"smsession/internal/config/redisurl"
	"smsession/internal/redistest"
)

func TestCertificates(t *testing.T) {
	server := redistest.Start(t, redistest.Options{TLS: true, ClientCertificate: true})
	pem := server.PEMFile()
	files := url.Values{"ca_file": {pem}, "cert_file": {pem}, "key_file": {pem},
		"server_name": {"127.0.0.1"}}
	u, err := redisurl.Parse("rediss://"+server.Addr()+"?"+files.Encode(), os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", u.Addrs[0], u.Redis.TLS)
	if err != nil {
		t.Fatalf("the server and the TLS configuration do not match: %v", err)
	}
	defer c.Close()
	c.Write([]byte("PING\r\n"))
	reply := make([]byte, len("+PONG"))
	if _, err := c.Read(reply); err != nil || string(reply) != "+PONG" {
		t.Errorf("the server replies %q, %v", reply, err)
	}
	if u.Redis.TLS.MinVersion < tls.VersionTLS12 {
		t.Error("TLS before version 1.2 is accepted")
	}
}

func TestCertificateFaults(t *testing.T) {
	server := redistest.Start(t, redistest.Options{TLS: true})
	other := redistest.Start(t, redistest.Options{TLS: true})
	cert, key, otherKey := server.PEMFile(), server.PEMFile(), other.PEMFile()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	readFile := func(path string) ([]byte, error) {
		if path == "missing" {
			return noFiles(path)
		}
		return os.ReadFile(path)
	}
	const pair = "the cert_file and the key_file are not a certificate and its unencrypted key in PEM format"
	for _, row := range []struct {
		name  string
		files url.Values
		want  string
	}{
		{"the ca_file can be read", url.Values{"ca_file": {"missing"}}, "the ca_file cannot be read"},
		{"the ca_file must contain a certificate", url.Values{"ca_file": {text}}, "the ca_file contains no certificate in PEM format"},
		{"the cert_file can be read", url.Values{"cert_file": {"missing"}, "key_file": {key}}, "the cert_file cannot be read"},
		{"the key_file can be read", url.Values{"cert_file": {cert}, "key_file": {"missing"}}, "the key_file cannot be read"},
		{"the cert_file must contain a certificate", url.Values{"cert_file": {text}, "key_file": {key}}, pair},
		{"the key_file must contain a key", url.Values{"cert_file": {cert}, "key_file": {text}}, pair},
		{"the key must belong to the certificate", url.Values{"cert_file": {cert}, "key_file": {otherKey}}, pair},
		{"every file that cannot be read is reported", url.Values{"ca_file": {"missing"}, "cert_file": {"missing"}, "key_file": {"missing"}},
			"the ca_file cannot be read\nthe cert_file cannot be read\nthe key_file cannot be read"},
		{"every file with the wrong content is reported", url.Values{"ca_file": {text}, "cert_file": {cert}, "key_file": {text}},
			"the ca_file contains no certificate in PEM format\n" + pair},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := redisurl.Parse("rediss://h?"+row.files.Encode(), readFile)
			if err == nil || err.Error() != row.want {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}
