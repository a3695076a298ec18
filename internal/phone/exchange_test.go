package phone_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smsession/internal/phone"
)

// The lines come from requests that were captured from Twilio and from Twilio's own emulator. The order of the lines is
// not known.
func TestRequestHead(t *testing.T) {
	requests := make(chan string, 2)
	server := newRaw(t, func(c net.Conn) {
		for {
			r := readRequest(c)
			if r == "" {
				return
			}
			requests <- r
			io.WriteString(c, complete(empty, "Set-Cookie: a=1", "Set-Cookie: b=2; Path=/; Secure"))
		}
	})
	p := newPhone(t, at(server))
	d := send(t, p, "hi")
	head, body, _ := strings.Cut(<-requests, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	want := []string{
		"Host: " + strings.TrimPrefix(server, "http://"),
		"Accept: */*",
		"Accept-Encoding: gzip",
		"Content-Type: application/x-www-form-urlencoded",
		fmt.Sprintf("Content-Length: %d", len(body)),
		"I-Twilio-Idempotency-Token: " + d.Exchanges[0].RequestHeader.Get("I-Twilio-Idempotency-Token"),
		"User-Agent: TwilioProxy/1.1",
		"X-Home-Region: us1",
		"X-Twilio-Signature: " + d.Exchanges[0].Signature,
	}
	if slices.Sort(want); lines[0] != "POST /sms HTTP/1.1" ||
		!slices.Equal(slices.Sorted(slices.Values(lines[1:])), want) {
		t.Errorf("the head is\n%q\nwant\n%q", lines, want)
	}
	send(t, p, "hi again")
	if second := <-requests; !strings.Contains(second, "\r\nCookie: a=1; b=2\r\n") {
		t.Errorf("the second request is %q, want both cookies in one header", second)
	}
}

func TestIdempotencyToken(t *testing.T) {
	w := newWebhook(t, responds(empty))
	p := newPhone(t, at(w.URL))
	seen := make(map[string]bool)
	for range 2 {
		p.Send(t.Context(), phone.Message{SID: "SMagain"})
		token := w.last().header.Get("I-Twilio-Idempotency-Token")
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(
			token) {
			t.Errorf("%q is not a UUID of version 4", token)
		}
		seen[token] = true
	}
	if len(seen) != 2 {
		t.Errorf("two deliveries of a message have the tokens %v", seen)
	}
}

func TestForgedSignature(t *testing.T) {
	w := newWebhook(t, responds(empty))
	p := newPhone(t, at(w.URL))
	send(t, p, "hi")
	if !w.last().isSigned(publicURL) {
		t.Error("the signature is wrong")
	}
	p.Send(t.Context(), phone.Message{Body: "hi", Forged: true})
	if w.last().isSigned(publicURL) {
		t.Error("the signature of a forged message is right")
	}
}

func TestLogin(t *testing.T) {
	const login = "Basic dXNlcjpwQHNz" // user:p@ss
	for _, row := range []struct {
		name      string
		user      string // of the URL
		challenge string
		requests  int
		errors    []int
		warning   string
	}{
		{"a Basic challenge is answered", "user:p%40ss@", `Basic realm="sms"`, 2, nil, ""},
		{"a challenge in small letters is answered", "user:p%40ss@", `basic realm="sms"`, 2, nil, ""},
		{"a password that is refused is not sent again", "user:wrong@", `Basic realm="sms"`, 2, []int{11217}, ""},
		{"a challenge without a user in the URL is an error", "", `Basic realm="sms"`, 1, []int{11217}, ""},
		{"a Digest challenge is not answered, with a warning", "user:p%40ss@", `Digest realm="sms"`, 1, []int{11217}, "Digest"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != login {
					w.Header().Set("WWW-Authenticate", row.challenge)
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				responds(twiml("come in"))(w, r)
			})
			d := send(t, newPhone(t, phone.Endpoint{URL: "https://" + row.user + "sms.example.com/sms",
				Address: w.URL + "/sms"}), "hi")
			if got := errorsOf(d); !slices.Equal(got, row.errors) || row.warning != "" && !isWarned(d, row.warning) {
				t.Errorf("the findings are %+v", d.Findings)
			}
			all := w.requests()
			if len(all) != row.requests {
				t.Fatalf("%d requests came, want %d", len(all), row.requests)
			}
			if got := all[0].header.Get("Authorization"); got != "" {
				t.Errorf("the first request has the password already: %s", got)
			}
			for _, e := range d.Exchanges {
				if strings.Contains(e.URL+e.Address, "@") || strings.Contains(fmt.Sprint(e.RequestHeader), login) {
					t.Errorf("the exchange contains the password: %+v", e)
				}
			}
			if row.requests == 2 && !slices.Equal(reasons(d), []phone.Reason{phone.Primary, phone.Authorized}) {
				t.Errorf("the reasons are %q", reasons(d))
			}
		})
	}
}

func TestResponseFraming(t *testing.T) {
	document := twiml("framed")
	var compressed bytes.Buffer
	z := gzip.NewWriter(&compressed)
	io.WriteString(z, document)
	z.Close()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
	for _, row := range []struct{ name, response string }{
		{"a response may have a length", complete(document)},
		{"a response may come in chunks", head + "Transfer-Encoding: chunked\r\n\r\n" + chunks(document[:5], document[5:])},
		{"a response may end with the connection", head + "\r\n" + document},
		{"a response may be HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n" + document},
		{"a response may be compressed", head + "Content-Encoding: gzip\r\n\r\n" + compressed.String()},
		{"a response may come after an interim response", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + complete(document)},
		{"a response may have bare line feeds", strings.ReplaceAll(head, "\r\n", "\n") + "\n" + document},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := send(t, newPhone(t, at(writing(t, row.response))), "hi")
			if got := texts(d); !d.OK() || !slices.Equal(got, []string{"framed"}) {
				t.Errorf("the replies are %q, the findings %+v", got, d.Findings)
			}
		})
	}
}

// chunks returns a body in the chunked encoding, with one chunk for each part.
func chunks(parts ...string) string {
	var body string
	for _, part := range append(parts, "") {
		body += fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
	}
	return body
}

func TestTrace(t *testing.T) {
	w := newWebhook(t, responds(twiml("traced")))
	traced := send(t, newPhone(t, at(w.URL)), "hi").Exchanges[0]
	got := w.only(t)
	if traced.RequestBody != got.body || traced.Signature != got.header.Get("X-Twilio-Signature") ||
		traced.ResponseBody != twiml("traced") {
		t.Errorf("the exchange is %+v", traced)
	}
	for name := range got.header {
		if want := got.header.Get(name); traced.RequestHeader.Get(name) != want {
			t.Errorf("%s is %q in the trace, and the server received %q", name, traced.RequestHeader.Get(name), want)
		}
	}
	if traced.URL != publicURL || traced.Address != w.URL+"/sms" || traced.Method != "POST" || traced.Status != 200 ||
		traced.ResponseHeader.Get("Content-Type") != "text/xml" || traced.RequestHeader.Get("Host") != got.host {
		t.Errorf("the exchange is %+v", traced)
	}
	plain := send(t, newPhone(t, at(w.URL), func(o *phone.Options) { o.Trace = false }), "hi").Exchanges[0]
	if plain.RequestHeader != nil || plain.RequestBody != "" || plain.ResponseBody != "" || plain.Signature != "" {
		t.Errorf("without a trace, the exchange is %+v", plain)
	}
}
