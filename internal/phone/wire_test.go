package phone_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smsession/internal/phone"
)

// The lines are those that were captured from Twilio and those of its own emulator.
func TestTheHeadIsTwilios(t *testing.T) {
	requests := make(chan string, 2)
	addr := newRaw(t, func(c net.Conn, _ int) {
		for range 2 {
			requests <- readRequest(t, c)
			io.WriteString(c, whole(empty, "Set-Cookie: a=1", "Set-Cookie: b=2; Path=/; Secure"))
		}
	})
	p := newPhone(t, at("http://"+addr))
	d := send(t, p, "hi")
	head, _, _ := strings.Cut(<-requests, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	want := []string{
		"POST /sms HTTP/1.1",
		"Host: " + addr,
		"Accept: */*",
		"Accept-Encoding: gzip",
		"Content-Type: application/x-www-form-urlencoded",
		"Content-Length: " + regexp.MustCompile(`\d+$`).FindString(lines[5]),
		"I-Twilio-Idempotency-Token: " + d.Exchanges[0].RequestHeader.Get("I-Twilio-Idempotency-Token"),
		"User-Agent: TwilioProxy/1.1",
		"X-Home-Region: us1",
		"X-Twilio-Signature: " + d.Exchanges[0].Signature,
	}
	if !slices.Equal(lines, want) {
		t.Errorf("head\n%q\nwant\n%q", lines, want)
	}
	send(t, p, "hi again")
	if second := <-requests; !strings.Contains(second, "\r\nCookie: a=1; b=2\r\n") {
		t.Errorf("the second request is %q, want both cookies in one header", second)
	}
}

func TestEveryMessageHasAnIdempotencyTokenOfItsOwn(t *testing.T) {
	w := newWebhook(t, says(empty))
	p := newPhone(t, at(w.URL))
	m := phone.Message{SID: "SMagain"}
	deliver(t, p, m)
	deliver(t, p, m)
	var seen []string
	for _, r := range w.requests() {
		token := r.header.Get("I-Twilio-Idempotency-Token")
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(token) {
			t.Errorf("%q is no UUID of version 4", token)
		}
		seen = append(seen, token)
	}
	if len(seen) != 2 || seen[0] == seen[1] {
		t.Errorf("tokens %q", seen)
	}
}

func TestUserAndPasswordAreSentWhenAskedFor(t *testing.T) {
	const login = "Basic dXNlcjpwQHNz" // user:p@ss
	guarded := func(challenge string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != login {
				w.Header().Set("WWW-Authenticate", challenge)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			says(twiml("come in"))(w, r)
		}
	}
	for _, row := range []struct {
		name      string
		user      string
		challenge string
		requests  int
		want      []int
		warning   string
	}{
		{"with a Basic challenge, once more", "user:p%40ss@", `Basic realm="sms"`, 2, nil, ""},
		{"whatever its case", "user:p%40ss@", `basic realm="sms"`, 2, nil, ""},
		{"a refused password is not tried again", "user:wrong@", `Basic realm="sms"`, 2, []int{11217}, ""},
		{"without user and password never", "", `Basic realm="sms"`, 1, []int{11217}, ""},
		{"a Digest challenge is not met", "user:p%40ss@", `Digest realm="sms"`, 1, []int{11217}, "Digest"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, guarded(row.challenge))
			d := send(t, newPhone(t, phone.Endpoint{URL: "https://" + row.user + "sms.example.com/sms", Address: w.URL + "/sms"}), "hi")
			if got := errorsOf(d); !slices.Equal(got, row.want) {
				t.Errorf("errors %v, want %v", got, row.want)
			}
			if !warned(d, row.warning) && row.warning != "" {
				t.Errorf("findings %+v", d.Findings)
			}
			all := w.requests()
			if len(all) != row.requests {
				t.Fatalf("%d requests, want %d", len(all), row.requests)
			}
			if got := all[0].header.Get("Authorization"); got != "" {
				t.Errorf("the first request has the password already: %s", got)
			}
			for _, e := range d.Exchanges {
				if strings.Contains(e.URL+e.Address, "@") {
					t.Errorf("the exchange names the password: %s %s", e.URL, e.Address)
				}
			}
			if row.requests == 2 && !slices.Equal(reasons(d), []phone.Reason{phone.Primary, phone.Authorized}) {
				t.Errorf("reasons %q", reasons(d))
			}
		})
	}
}

func TestAnswersAreReadInEveryFraming(t *testing.T) {
	document := twiml("framed")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, document)
	z.Close()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
	for _, row := range []struct{ name, response string }{
		{"by its length", whole(document)},
		{"in chunks", head + "Transfer-Encoding: chunked\r\n\r\n5\r\n" + document[:5] + "\r\n" + hexLength(document[5:]) + "\r\n" + document[5:] + "\r\n0\r\n\r\n"},
		{"up to the end of the connection", head + "\r\n" + document},
		{"in HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n" + document},
		{"compressed", head + "Content-Encoding: gzip\r\n\r\n" + packed.String()},
		{"after an interim answer", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + whole(document)},
		{"with bare line feeds", strings.ReplaceAll(head, "\r\n", "\n") + "\n" + document},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := send(t, newPhone(t, at(answering(t, row.response))), "hi")
			if got := texts(d); !d.OK() || !slices.Equal(got, []string{"framed"}) {
				t.Errorf("replies %q, findings %+v", got, d.Findings)
			}
		})
	}
}

func hexLength(s string) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[len(s)>>4&15], digits[len(s)&15]})
}

// What a trace holds is what the server saw.
func TestATraceHoldsTheExchange(t *testing.T) {
	w := newWebhook(t, says(twiml("traced")))
	traced := send(t, newPhone(t, at(w.URL)), "hi").Exchanges[0]
	got := w.only(t)
	if traced.RequestBody != got.body || traced.Signature != got.header.Get("X-Twilio-Signature") || traced.ResponseBody != twiml("traced") {
		t.Errorf("%+v", traced)
	}
	for name := range got.header {
		if traced.RequestHeader.Get(name) != got.header.Get(name) {
			t.Errorf("%s is %q, came as %q", name, traced.RequestHeader.Get(name), got.header.Get(name))
		}
	}
	if traced.URL != publicURL || traced.Address != w.URL+"/sms" || traced.Method != "POST" || traced.Status != 200 || traced.ResponseHeader.Get("Content-Type") != "text/xml" {
		t.Errorf("%+v", traced)
	}
	plain := send(t, newPhone(t, at(w.URL), func(o *phone.Options) { o.Trace = false }), "hi").Exchanges[0]
	if plain.RequestHeader != nil || plain.RequestBody != "" || plain.ResponseBody != "" || plain.Signature != "" {
		t.Errorf("without a trace: %+v", plain)
	}
}
