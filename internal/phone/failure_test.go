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

// failing is a webhook with one fault, and the number and the name of Twilio's error.
type failing struct {
	name       string
	webhook    func(t *testing.T) phone.Endpoint
	code       int
	errorName  string
	wantDetail string // a part of the detail; "" if the name is enough
}

func (f failing) run(t *testing.T, network *phone.Network) {
	t.Helper()
	d := send(t, newPhone(t, f.webhook(t), func(o *phone.Options) { o.Network = network }), "hi")
	var names []string
	for _, finding := range d.Findings {
		if !strings.HasSuffix(finding.Detail, ".") || strings.Contains(finding.Detail, token) {
			t.Errorf("the detail is not a sentence, or it has the token: %q", finding.Detail)
		}
		if !finding.Warning {
			names = append(names, finding.Name)
		}
	}
	if !slices.Equal(errorsOf(d), []int{f.code}) || !slices.Equal(names, []string{f.errorName}) {
		t.Errorf("the errors are %v %q, want %d %q", errorsOf(d), names, f.code, f.errorName)
	}
	isDetailed := func(finding phone.Finding) bool { return strings.Contains(finding.Detail, f.wantDetail) }
	if !slices.ContainsFunc(d.Findings, isDetailed) {
		t.Errorf("the findings are %+v, want %q", d.Findings, f.wantDetail)
	}
}

// bytesOf returns a webhook that writes the same bytes after every request.
func bytesOf(response string) func(t *testing.T) phone.Endpoint {
	return func(t *testing.T) phone.Endpoint { return at(writing(t, response)) }
}

// The names of the errors come from https://www.twilio.com/docs/api/errors.
func TestFailures(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
	const violation = "HTTP protocol violation"
	const noResponse, incomplete, notHTTP = "before a response came", "before the response was complete",
		"not valid HTTP"
	for _, row := range []failing{
		{"the port is closed", func(t *testing.T) phone.Endpoint { return at(unused(t)) }, 11202, "TCP connection refused", ""},
		{"the host has no address", func(*testing.T) phone.Endpoint { return at("http://sms..example.com") }, 11210, "HTTP bad host name", ""},
		{"the connection is closed without a response", bytesOf(""), 11206, violation, noResponse},
		{"the response is not HTTP", bytesOf("hello\r\n\r\n"), 11206, violation, notHTTP},
		{"the status is not a number", bytesOf("HTTP/1.1 two hundred\r\n\r\n"), 11206, violation, notHTTP},
		{"the response is TLS", bytesOf("\x15\x03\x01\x00\x02\x02\x16"), 11206, violation, ""},
		{"the head is cut off", bytesOf(head), 11206, violation, incomplete},
		{"a line of the head is not a header", bytesOf(head + "no header\r\n\r\n" + empty), 11206, violation, "header"},
		{"the body is cut off", bytesOf(head + "Content-Length: 1000\r\n\r\n" + empty), 11206, violation, incomplete},
		{"a chunk is cut off", bytesOf(head + "Transfer-Encoding: chunked\r\n\r\n100\r\n" + empty), 11206, violation, incomplete},
		{"a chunk has no length", bytesOf(head + "Transfer-Encoding: chunked\r\n\r\nx\r\n" + empty), 11206, violation, notHTTP},
		{"the length is not a number", bytesOf(head + "Content-Length: many\r\n\r\n" + empty), 11206, violation, notHTTP},
		{"the head has no end", endlessHead, 11206, violation, "too long"},
		{"the body is not compressed as its header says", bytesOf(head + "Content-Encoding: gzip\r\n\r\n" + empty), 11206, violation, "compressed"},
		{"a cookie has a tab", bytesOf(complete(empty, "Set-Cookie: a=b\tc")), 11206, violation, "control character"},
		{"a cookie has a carriage return", bytesOf(complete(empty, "Set-Cookie: a=b\rc")), 11206, violation, "control character"},
		{"a cookie has a vertical tab", bytesOf(complete(empty, "Set-Cookie: a=b\vc")), 11206, violation, "control character"},
		{"a cookie has a form feed", bytesOf(complete(empty, "Set-Cookie: a=b; Path=/\f")), 11206, violation, "control character"},
		{"a cookie has no name", bytesOf(complete(empty, "Set-Cookie: =b")), 11206, violation, "empty name"},
		{"a second cookie has no name", bytesOf(complete(empty, "Set-Cookie: a=b", "Set-Cookie: =b")), 11206, violation, "empty name"},
		{"there is no Content-Type", bytesOf("HTTP/1.1 200 OK\r\n\r\n" + empty), 11200, "HTTP retrieval failure", ""},
		{"the server switches protocols", bytesOf("HTTP/1.1 101 Switching Protocols\r\n\r\n"), 11200, "HTTP retrieval failure", ""},
		{"the status is 404", bytesOf("HTTP/1.1 404 Not Found\r\n\r\n"), 11217, "HTTP error response code", ""},
		{"the status is 429", bytesOf("HTTP/1.1 429 Too Many Requests\r\n\r\n"), 11217, "HTTP error response code", ""},
		{"a redirect has no Location", bytesOf("HTTP/1.1 302 Found\r\n\r\n"), 11216, "HTTP invalid redirect", "no Location"},
		{"a redirect is a 308", bytesOf("HTTP/1.1 308 Permanent Redirect\r\nLocation: /next\r\n\r\n"), 11216, "HTTP invalid redirect", "308"},
		{"redirects have no end", bytesOf("HTTP/1.1 302 Found\r\nLocation: /sms\r\n\r\n"), 11215, "HTTP too many redirects", ""},
		{"the document is too large", bytesOf(head + "\r\n" + twiml(strings.Repeat("x", 64<<10))), 11750, "TwiML response body too large", ""},
		{"the document is not XML", bytesOf(complete("hello")), 12100, "Document parse failure", ""},
		{"white space comes before the document", bytesOf(complete(" " + empty)), 12100, "Document parse failure", ""},
		{"the version is not a version of the API", bytesOf(complete(`<Response version="1.0"/>`)), 12101, "Invalid Twilio Markup XML version", ""},
		{"the document is not a Response", bytesOf(complete("<Reply/>")), 12102, "The root element must be Response", ""},
		{"the Content-Type is application/json", bytesOf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"), 12300, "Invalid Content-Type", ""},
		{"a recipient is not a number", bytesOf(complete(`<Response><Message to="x">a</Message></Response>`)), 14101, `Invalid "To" attribute`, ""},
		{"a sender is not valid", bytesOf(complete(`<Response><Message from="+">a</Message></Response>`)), 14102, `Invalid "From" attribute`, ""},
		{"a message is empty", bytesOf(complete(twiml(""))), 14103, "Invalid Body", ""},
		{"a message is too long", bytesOf(complete(twiml(strings.Repeat("x", 1601)))), 14103, "Invalid Body", ""},
		{"a method is not valid", bytesOf(complete(`<Response><Message method="PUT">a</Message></Response>`)), 14104, "Invalid Method attribute", ""},
		{"a statusCallback is not a URL", bytesOf(complete(`<Response><Message statusCallback="http://">a</Message></Response>`)), 14105, "Invalid statusCallback attribute", ""},
		{"documents have no end", bytesOf(complete("<Response><Redirect>/sms</Redirect></Response>", "Connection: close")), 14106, "Document retrieval limit reached", ""},
		{"there are too many messages", bytesOf(complete(twiml(strings.Split(strings.Repeat("x", 11), "")...))), 14109, "TwiML Reply message limit exceeded", ""},
		{"a verb is not a verb for messages", bytesOf(complete("<Response><Say>a</Say></Response>")), 14110, "Invalid Verb for SMS Reply", ""},
		{"a document leads to a URL that is not http", bytesOf(complete("<Response><Redirect>ftp://a.example/</Redirect></Response>")), 11100, "Invalid URL format", ""},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(t, new(phone.Network)) })
	}
}

// endlessHead writes headers until the client closes the connection. A client that continues to read gets a time-out,
// which has another error number.
func endlessHead(t *testing.T) phone.Endpoint {
	return at(newRaw(t, func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		for {
			if _, err := io.WriteString(c, "X: "+strings.Repeat("x", 1000)+"\r\n"); err != nil {
				return
			}
		}
	}))
}

func TestWarningNames(t *testing.T) {
	for _, row := range []struct {
		name, document string
		code           int
		want           string
	}{
		{"12200 is a warning of the schema", `<Response lang="en"/>`, 12200, "Schema validation warning"},
		{"14104 is a warning if the method is in small letters", `<Response><Message method="get">a</Message></Response>`, 14104, "Invalid Method attribute"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := send(t, newPhone(t, at(writing(t, complete(row.document)))), "hi")
			want := phone.Finding{Code: row.code, Name: row.want, URL: publicURL, Warning: true}
			if len(d.Findings) == 1 {
				want.Detail = d.Findings[0].Detail
			}
			if !slices.Equal(d.Findings, []phone.Finding{want}) || want.Detail == "" {
				t.Errorf("the findings are %+v", d.Findings)
			}
		})
	}
}

// newTLS returns an https server and the authority of its certificate. The certificate is httptest's, which is valid
// for example.com and 127.0.0.1 until 2084.
func newTLS(t *testing.T, config *tls.Config, handler http.Handler) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.TLS = config
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, roots
}

func TestHandshakeFailures(t *testing.T) {
	good, roots := newTLS(t, nil, responds(twiml("secret")))
	old, oldRoots := newTLS(t, &tls.Config{MaxVersion: tls.VersionTLS12}, responds(empty))
	webhook := func(server, fragment string) func(*testing.T) phone.Endpoint {
		return func(*testing.T) phone.Endpoint { return withOverrides(server, fragment) }
	}
	raw := func(handle func(net.Conn)) func(*testing.T) phone.Endpoint {
		return func(t *testing.T) phone.Endpoint {
			return withOverrides("https"+strings.TrimPrefix(newRaw(t, handle), "http"), "#ct=2000")
		}
	}
	localhost := "https://localhost" + good.URL[strings.LastIndexByte(good.URL, ':'):]
	trusting := &tls.Config{RootCAs: roots}
	in2100 := &tls.Config{RootCAs: roots, Time: func() time.Time { return time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC) }}
	const failed, otherHost = "SSL/TLS Handshake Error", "Certificate Invalid - Domain Mismatch"
	for _, row := range []struct {
		failing
		config *tls.Config
	}{
		{failing{"the certificate is for another host", webhook(localhost, ""), 11235, otherHost, ""}, trusting},
		{failing{"the certificate is for another host, and the handshake names no host", webhook(localhost, "#sni=n"), 11235, otherHost, ""}, trusting},
		{failing{"the certificate has expired", webhook(good.URL, ""), 11236, "Certificate Invalid - Certificate Expired", ""}, in2100},
		{failing{"the certificate's authority is unknown", webhook(good.URL, ""), 11237, "Certificate Invalid - Could not find path to certificate", ""}, nil},
		{failing{"the server has only an old version of TLS", webhook(old.URL, ""), 11220, failed, ""}, &tls.Config{RootCAs: oldRoots, MinVersion: tls.VersionTLS13}},
		{failing{"the server does not use TLS", raw(func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }), 11220, failed, "does not use TLS"}, nil},
		{failing{"the server closes the connection", raw(func(net.Conn) {}), 11220, failed, ""}, nil},
		{failing{"the server sends nothing", raw(func(c net.Conn) { io.Copy(io.Discard, c) }), 11220, failed, "timed out"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.run(t, &phone.Network{TLS: row.config})
		})
	}
}

func TestSNI(t *testing.T) {
	names := make(chan string, 10)
	s, roots := newTLS(t, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- hello.ServerName
		if !slices.Equal(hello.SupportedProtos, []string{"http/1.1"}) {
			t.Errorf("the protocols are %q", hello.SupportedProtos)
		}
		return nil, nil
	}}, responds(twiml("secret")))
	for _, row := range []struct{ name, fragment, want string }{
		{"by default the handshake names the host", "", "example.com"},
		{"sni=y names the host", "#sni=y", "example.com"},
		{"sni=n does not name the host", "#sni=n", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newPhone(t, withOverrides(s.URL, row.fragment), func(o *phone.Options) {
				o.Network = &phone.Network{TLS: &tls.Config{RootCAs: roots, ServerName: "example.com"}}
			})
			if d := send(t, p, "hi"); !d.OK() || len(d.Replies) != 1 {
				t.Fatalf("the findings are %+v", d.Findings)
			}
			if got := <-names; got != row.want || len(names) > 0 {
				t.Errorf("the name is %q, want %q; %d more connections were made", got, row.want, len(names))
			}
		})
	}
}

// The phone reads only one byte more than Twilio accepts.
func TestEndlessBody(t *testing.T) {
	written := make(chan int, 1)
	w := newWebhook(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		n, page := 0, make([]byte, 32<<10)
		for {
			m, err := w.Write(page)
			if n += m; err != nil {
				written <- n
				return
			}
		}
	})
	d := send(t, newPhone(t, at(w.URL)), "hi")
	if got := errorsOf(d); !slices.Equal(got, []int{11750}) || len(d.Exchanges[0].ResponseBody) != 64<<10+1 {
		t.Errorf("the errors are %v, %d bytes are read", got, len(d.Exchanges[0].ResponseBody))
	}
	if n := <-written; n > 64<<20 {
		t.Errorf("the server wrote %d bytes", n)
	}
}
