package phone_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/phone"
)

// wrong is a server that does one thing wrong, by the number and the name that Twilio has for it.
type wrong struct {
	name   string
	server func(t *testing.T) phone.Endpoint
	code   int
	called string
}

// served is a webhook that writes the same bytes to every request.
func served(response string) func(t *testing.T) phone.Endpoint {
	return func(t *testing.T) phone.Endpoint { return at(answering(t, response)) }
}

// The names are those of https://www.twilio.com/docs/api/errors.
func TestAServerThatIsWrongIsNamed(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
	const violation = "HTTP protocol violation"
	for _, row := range []wrong{
		{"no connection is taken", func(t *testing.T) phone.Endpoint { return at("http://" + unused(t)) }, 11202, "TCP connection refused"},
		{"the host has no address", func(*testing.T) phone.Endpoint { return at("http://sms..example.com") }, 11210, "HTTP bad host name"},
		{"nothing is answered in time", silence("#rt=100"), 11205, "HTTP connection failure"},
		{"nothing is answered in all the time", silence("#rt=200&tt=100"), 11203, "HTTP communication total time out triggered"},
		{"the connection is closed without an answer", served(""), 11206, violation},
		{"the answer is not HTTP", served("hello\r\n\r\n"), 11206, violation},
		{"the answer is HTTP of another kind", served("HTTP/1.1 two hundred\r\n\r\n"), 11206, violation},
		{"the answer is TLS", served("\x15\x03\x01\x00\x02\x02\x16"), 11206, violation},
		{"the head is cut off", served(head), 11206, violation},
		{"the head has a line that is no header", served(head + "no header\r\n\r\n" + empty), 11206, violation},
		{"the body is cut off", served(head + "Content-Length: 1000\r\n\r\n" + empty), 11206, violation},
		{"a chunk is cut off", served(head + "Transfer-Encoding: chunked\r\n\r\n100\r\n" + empty), 11206, violation},
		{"a chunk has no length", served(head + "Transfer-Encoding: chunked\r\n\r\nx\r\n" + empty), 11206, violation},
		{"the length is no number", served(head + "Content-Length: many\r\n\r\n" + empty), 11206, violation},
		{"the head does not end", endlessHead, 11206, violation},
		{"the body is not compressed as it says", served(head + "Content-Encoding: gzip\r\n\r\n" + empty), 11206, violation},
		{"a cookie has a tab", served(whole(empty, "Set-Cookie: a=b\tc")), 11206, violation},
		{"a cookie has a carriage return", served(whole(empty, "Set-Cookie: a=b\rc")), 11206, violation},
		{"a cookie has a vertical tab", served(whole(empty, "Set-Cookie: a=b\vc")), 11206, violation},
		{"a cookie has a form feed", served(whole(empty, "Set-Cookie: a=b; Path=/\f")), 11206, violation},
		{"a cookie has no name", served(whole(empty, "Set-Cookie: =b")), 11206, violation},
		{"a second cookie has no name", served(whole(empty, "Set-Cookie: a=b", "Set-Cookie: =b")), 11206, violation},
		{"there is no type", served("HTTP/1.1 200 OK\r\n\r\n" + empty), 11200, "HTTP retrieval failure"},
		{"the status is one of an error", served("HTTP/1.1 404 Not Found\r\n\r\n"), 11217, "HTTP error response code"},
		{"the status is that of too many requests", served("HTTP/1.1 429 Too Many Requests\r\n\r\n"), 11217, "HTTP error response code"},
		{"the redirect leads nowhere", served("HTTP/1.1 302 Found\r\n\r\n"), 11216, "HTTP invalid redirect"},
		{"the redirect is a 308", served("HTTP/1.1 308 Permanent Redirect\r\nLocation: /next\r\n\r\n"), 11216, "HTTP invalid redirect"},
		{"the redirects do not end", served("HTTP/1.1 302 Found\r\nLocation: /sms\r\n\r\n"), 11215, "HTTP too many redirects"},
		{"the document is too large", served(head + "\r\n" + twiml(strings.Repeat("x", 64<<10))), 11750, "TwiML response body too large"},
		{"the document is no XML", served(whole("hello")), 12100, "Document parse failure"},
		{"something stands before the document", served(whole(" " + empty)), 12100, "Document parse failure"},
		{"the document is another one", served(whole("<Reply/>")), 12102, "The root element must be Response"},
		{"the type is another one", served("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"), 12300, "Invalid Content-Type"},
		{"a message is empty", served(whole(twiml(""))), 14103, "Invalid Body"},
		{"a message is too long", served(whole(twiml(strings.Repeat("x", 1601)))), 14103, "Invalid Body"},
		{"there are too many messages", served(whole(twiml(strings.Split(strings.Repeat("x", 11), "")...))), 14109, "TwiML Reply message limit exceeded"},
		{"the documents do not end", served(whole("<Response><Redirect>/sms</Redirect></Response>", "Connection: close")), 14106, "Document retrieval limit reached"},
		{"a document leads to no URL", served(whole("<Response><Redirect>ftp://a.example/</Redirect></Response>")), 11100, "Invalid URL format"},
	} {
		t.Run(row.name, func(t *testing.T) { row.try(t, new(phone.Network)) })
	}
}

func (w wrong) try(t *testing.T, network *phone.Network) {
	t.Helper()
	d := send(t, newPhone(t, w.server(t), func(o *phone.Options) { o.Network = network }), "hi")
	var names []string
	for _, f := range d.Findings {
		if !f.Warning {
			names = append(names, f.Name)
		}
	}
	if !slices.Equal(errorsOf(d), []int{w.code}) || !slices.Equal(names, []string{w.called}) {
		t.Errorf("errors %v %q, want %d %q", errorsOf(d), names, w.code, w.called)
	}
	for _, f := range d.Findings {
		if !strings.HasSuffix(f.Detail, ".") || strings.Contains(f.Detail, token) {
			t.Errorf("the detail is no plain sentence: %q", f.Detail)
		}
	}
}

// silence takes requests and answers none.
func silence(overrides string) func(t *testing.T) phone.Endpoint {
	return func(t *testing.T) phone.Endpoint {
		release := make(chan struct{})
		addr := newRaw(t, func(c net.Conn, _ int) {
			readRequest(t, c)
			<-release
		})
		t.Cleanup(func() { close(release) })
		return phone.Endpoint{URL: publicURL + overrides, Address: "http://" + addr}
	}
}

// newTLS is an https server with httptest's certificate: for example.com and 127.0.0.1, until 2084. Its authority is
// what the function returns.
func newTLS(t *testing.T, config *tls.Config) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(says(twiml("secret")))
	s.TLS = config
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, roots
}

func TestACertificateThatIsWrongIsNamed(t *testing.T) {
	good, roots := newTLS(t, nil)
	old, oldRoots := newTLS(t, &tls.Config{MaxVersion: tls.VersionTLS12})
	here := func(url string) func(*testing.T) phone.Endpoint {
		return func(*testing.T) phone.Endpoint { return at(url) }
	}
	port := good.URL[strings.LastIndexByte(good.URL, ':'):]
	for _, row := range []struct {
		wrong
		config *tls.Config
	}{
		{wrong{"for another host", here("https://localhost" + port), 11235, "Certificate Invalid - Domain Mismatch"}, &tls.Config{RootCAs: roots}},
		{wrong{"for another host, without its name in the handshake", func(*testing.T) phone.Endpoint {
			return phone.Endpoint{URL: publicURL + "#sni=n", Address: "https://localhost" + port}
		}, 11235, "Certificate Invalid - Domain Mismatch"}, &tls.Config{RootCAs: roots}},
		{wrong{"expired", here(good.URL), 11236, "Certificate Invalid - Certificate Expired"},
			&tls.Config{RootCAs: roots, Time: func() time.Time { return time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC) }}},
		{wrong{"from an unknown authority", here(good.URL), 11237, "Certificate Invalid - Could not find path to certificate"}, nil},
		{wrong{"of a server that speaks only what is too old", here(old.URL), 11220, "SSL/TLS Handshake Error"},
			&tls.Config{RootCAs: oldRoots, MinVersion: tls.VersionTLS13}},
		{wrong{"of a server that does not speak TLS", func(t *testing.T) phone.Endpoint {
			return at("https://" + newRaw(t, func(c net.Conn, _ int) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }))
		}, 11220, "SSL/TLS Handshake Error"}, nil},
		{wrong{"of a server that closes the connection", func(t *testing.T) phone.Endpoint {
			return at("https://" + newRaw(t, func(net.Conn, int) {}))
		}, 11220, "SSL/TLS Handshake Error"}, nil},
		{wrong{"of a server that says nothing", func(t *testing.T) phone.Endpoint {
			return phone.Endpoint{URL: publicURL + "#ct=100", Address: "https" + strings.TrimPrefix(silence("")(t).Address, "http")}
		}, 11220, "SSL/TLS Handshake Error"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) { row.try(t, &phone.Network{TLS: row.config}) })
	}
}

func TestAFailedHandshakeIsTriedOnceMore(t *testing.T) {
	s, _ := newTLS(t, nil)
	d := send(t, newPhone(t, at(s.URL)), "hi")
	if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Retry}) {
		t.Errorf("exchanges %q", got)
	}
}

func TestTheServersNameIsInTheHandshake(t *testing.T) {
	names := make(chan string, 1)
	s, roots := newTLS(t, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- hello.ServerName
		if !slices.Equal(hello.SupportedProtos, []string{"http/1.1"}) {
			t.Errorf("protocols %q", hello.SupportedProtos)
		}
		return nil, nil
	}})
	for fragment, want := range map[string]string{"": "example.com", "#sni=y": "example.com", "#sni=n": ""} {
		t.Run(fragment, func(t *testing.T) {
			p := newPhone(t, phone.Endpoint{URL: publicURL + fragment, Address: s.URL}, func(o *phone.Options) {
				o.Network = &phone.Network{TLS: &tls.Config{RootCAs: roots, ServerName: "example.com"}}
			})
			for range 2 {
				if d := send(t, p, "hi"); !d.OK() || len(d.Replies) != 1 {
					t.Fatalf("%+v", d.Findings)
				}
			}
			if got := <-names; got != want {
				t.Errorf("the name is %q, want %q", got, want)
			}
			if len(names) > 0 {
				t.Error("a second connection was made")
			}
		})
	}
}

func TestABodyIsReadNoFurtherThanItIsJudged(t *testing.T) {
	var written int64
	w := newWebhook(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		var err error
		written, err = io.Copy(w, endless{})
		if err == nil {
			t.Error("somebody read an endless body")
		}
	})
	d := send(t, newPhone(t, at(w.URL)), "hi")
	if got := errorsOf(d); !slices.Equal(got, []int{11750}) || len(d.Exchanges[0].ResponseBody) != 64<<10+1 {
		t.Errorf("errors %v, %d bytes", got, len(d.Exchanges[0].ResponseBody))
	}
	w.Close() // waits for the handler
	if written > 64<<20 {
		t.Errorf("%d bytes were taken", written)
	}
}

// endlessHead writes headers for as long as somebody takes them, and then keeps the connection open. Only who gives up
// by himself gets away before Twilio's limit of time, which has another number.
func endlessHead(t *testing.T) phone.Endpoint {
	return at("http://" + newRaw(t, func(c net.Conn, _ int) {
		readRequest(t, c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		for range 4000 {
			if _, err := io.WriteString(c, "X: "+strings.Repeat("x", 1000)+"\r\n"); err != nil {
				return
			}
		}
		c.Read(make([]byte, 1))
	}))
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
