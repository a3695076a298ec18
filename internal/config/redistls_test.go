package config_test

import (
	"crypto/tls"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"smsession/internal/config"
	"smsession/internal/redistest"
)

func TestCertificatesAreRead(t *testing.T) {
	server := redistest.Start(t, redistest.Options{TLS: true, ClientCertificate: true})
	cert, key := server.ClientFiles()
	files := url.Values{"ca_file": {server.CAFile()}, "cert_file": {cert}, "key_file": {key}}
	got := read(t, func(f *config.Flags) { f.RedisURL = "rediss://" + server.Addr() + "?" + files.Encode() }).Redis
	settings := got.TLSConfig()
	settings.ServerName = "127.0.0.1" // which a client takes from the address
	c, err := tls.Dial("tcp", server.Addr(), settings)
	if err != nil {
		t.Fatalf("the server and the settings do not agree: %v", err)
	}
	defer c.Close()
	c.Write([]byte("PING\r\n"))
	answer := make([]byte, len("+PONG"))
	if _, err := c.Read(answer); err != nil || string(answer) != "+PONG" {
		t.Errorf("the server says %q, %v", answer, err)
	}
	if got.TLSConfig().MinVersion < tls.VersionTLS12 {
		t.Error("TLS older than 1.2 would do")
	}
}

func TestCertificateFaults(t *testing.T) {
	server := redistest.Start(t, redistest.Options{TLS: true})
	other := redistest.Start(t, redistest.Options{TLS: true})
	cert, key := server.ClientFiles()
	_, otherKey := other.ClientFiles()
	missing := filepath.Join(t.TempDir(), "missing")
	text, large := write(t, "not a certificate"), write(t, strings.Repeat("x", 64<<10+1))
	const pair = "names a cert_file and a key_file that are no certificate and its unencrypted key in PEM"
	const prefix = "REDIS_URL (--redis-url): "
	for _, row := range []struct {
		name  string
		files url.Values
		want  string
	}{
		{"an authority's file is there", url.Values{"ca_file": {missing}}, "names a ca_file that cannot be read: no such file or directory"},
		{"an authority's file is a file", url.Values{"ca_file": {filepath.Dir(missing)}}, "names a ca_file that cannot be read: is a directory"},
		{"an authority's file holds a certificate", url.Values{"ca_file": {text}}, "names a ca_file that holds no certificate in PEM"},
		{"an authority's file is no log", url.Values{"ca_file": {large}}, "names a ca_file that is larger than 64 KiB"},
		{"a certificate's file is there", url.Values{"cert_file": {missing}, "key_file": {key}}, "names a cert_file that cannot be read: no such file or directory"},
		{"a key's file is there", url.Values{"cert_file": {cert}, "key_file": {missing}}, "names a key_file that cannot be read: no such file or directory"},
		{"a certificate's file holds one", url.Values{"cert_file": {text}, "key_file": {key}}, pair},
		{"a key's file holds one", url.Values{"cert_file": {cert}, "key_file": {text}}, pair},
		{"a key is the certificate's", url.Values{"cert_file": {cert}, "key_file": {otherKey}}, pair},
	} {
		checkFaults(t, []faultRow{{row.name, func(f *config.Flags) { f.RedisURL = "rediss://h?" + row.files.Encode() }, prefix + row.want}})
	}
}
