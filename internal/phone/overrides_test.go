package phone_test

import (
	"net"
	"slices"
	"strings"
	"testing"

	"smsession/internal/phone"
)

func TestConnectionOverridesAreChecked(t *testing.T) {
	for _, row := range []struct {
		name, fragment string
		refused        bool
	}{
		{"none", "", false},
		{"all of them", "#rc=2&rp=4xx,5xx,ct,rt&ct=100&rt=100&tt=100&sni=n&e=ashburn,dublin", false},
		{"the largest", "#rc=5&rp=all&ct=10000&rt=15000&tt=15000&sni=y&e=umatilla", false},
		{"no retries", "#rc=0", false},
		{"too many retries", "#rc=6", true},
		{"negative retries", "#rc=-1", true},
		{"retries that are no number", "#rc=two", true},
		{"too short a connect time-out", "#ct=99", true},
		{"too long a connect time-out", "#ct=10001", true},
		{"too short a read time-out", "#rt=99", true},
		{"too long a read time-out", "#rt=15001", true},
		{"too short a total time-out", "#tt=99", true},
		{"too long a total time-out", "#tt=15001", true},
		{"a time-out with a unit", "#ct=1s", true},
		{"an unknown retry policy", "#rp=3xx", true},
		{"an empty retry policy", "#rp=", true},
		{"a list with a gap", "#rp=ct,,rt", true},
		{"sni that is neither y nor n", "#sni=no", true},
		{"no edge", "#e=", true},
		{"an unknown override", "#xx=1", true},
		{"a fragment that is none", "#top", true},
		{"a name in capitals", "#RC=1", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, o := range []phone.Options{
				{From: from, To: to, AuthToken: token, Webhook: phone.Endpoint{URL: publicURL + row.fragment}},
				{From: from, To: to, AuthToken: token, Webhook: phone.Endpoint{URL: publicURL}, Fallback: phone.Endpoint{URL: publicURL + row.fragment}},
			} {
				if _, err := phone.New(o); (err != nil) != row.refused {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := phone.Options{From: from, To: to, AuthToken: token, Webhook: phone.Endpoint{URL: publicURL}}
	if _, err := phone.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*phone.Options){
		"no sender":                     func(o *phone.Options) { o.From = "" },
		"no number":                     func(o *phone.Options) { o.To = "" },
		"no token":                      func(o *phone.Options) { o.AuthToken = "" },
		"no webhook":                    func(o *phone.Options) { o.Webhook = phone.Endpoint{} },
		"an address without a URL":      func(o *phone.Options) { o.Webhook = phone.Endpoint{Address: "http://localhost/sms"} },
		"a fallback without a URL":      func(o *phone.Options) { o.Fallback = phone.Endpoint{Address: "http://localhost/sms"} },
		"another scheme":                func(o *phone.Options) { o.Webhook.URL = "ftp://sms.example.com/sms" },
		"no scheme":                     func(o *phone.Options) { o.Webhook.URL = "sms.example.com/sms" },
		"no host":                       func(o *phone.Options) { o.Webhook.URL = "https:///sms" },
		"a port alone":                  func(o *phone.Options) { o.Webhook.URL = "https://:443/sms" },
		"a port that is none":           func(o *phone.Options) { o.Webhook.URL = "https://sms.example.com:65536/sms" },
		"a broken escape":               func(o *phone.Options) { o.Webhook.URL = "https://sms.example.com/%zz" },
		"a space":                       func(o *phone.Options) { o.Webhook.URL = "https://sms.example.com/a b" },
		"a line's end":                  func(o *phone.Options) { o.Webhook.URL = "https://sms.example.com/a\r\nX: y" },
		"an address that is no URL":     func(o *phone.Options) { o.Webhook.Address = "localhost:8080" },
		"a share of more than all":      func(o *phone.Options) { o.Jar.Lose = 1.01 },
		"a share of less than nothing":  func(o *phone.Options) { o.Jar.Lose = -0.01 },
		"a password in a URL is broken": func(o *phone.Options) { o.Webhook.URL = "https://user:hunter2%zz@sms.example.com/sms" },
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			spoil(&o)
			_, err := phone.New(o)
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), token) {
				t.Errorf("the error quotes a secret: %v", err)
			}
		})
	}
}

func TestWhatIsTriedAgain(t *testing.T) {
	const (
		refuse = "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
		crash  = "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
		half   = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100\r\n\r\n<Resp"
	)
	for _, row := range []struct {
		name     string
		fragment string
		answer   string // "" closes the connection, "wait" keeps it open and says nothing
		tries    int
		want     int
	}{
		{"by default not a 4xx", "", refuse, 1, 11217},
		{"by default not a 5xx", "", crash, 1, 11217},
		{"by default not a slow answer", "rt=100", "wait", 1, 11205},
		{"by default not a connection that was closed", "", "", 1, 11206},
		{"a 4xx when asked to", "rp=4xx", refuse, 2, 11217},
		{"a 5xx not by 4xx", "rp=4xx", crash, 1, 11217},
		{"a 5xx when asked to", "rp=5xx", crash, 2, 11217},
		{"as often as asked to", "rc=3&rp=4xx,5xx", crash, 4, 11217},
		{"never when asked for none", "rc=0&rp=all", crash, 1, 11217},
		{"a slow answer when asked to", "rt=100&rp=rt", "wait", 2, 11205},
		{"a closed connection by all", "rp=all", "", 2, 11206},
		{"a closed connection not by rt", "rp=rt", "", 1, 11206},
		{"nothing that has begun to answer and stops", "rt=100&rc=5&rp=all", half + "wait", 1, 11205},
		{"nothing that has begun to answer and is cut off", "rc=5&rp=all", half, 1, 11206},
	} {
		t.Run(row.name, func(t *testing.T) {
			answer, wait := strings.CutSuffix(row.answer, "wait")
			release := make(chan struct{})
			requests := make(chan string, 8)
			addr := newRaw(t, func(c net.Conn, _ int) {
				requests <- readRequest(t, c)
				c.Write([]byte(answer))
				if wait {
					<-release
				}
			})
			p := newPhone(t, phone.Endpoint{URL: publicURL + "#" + row.fragment, Address: "http://" + addr + "/sms"})
			d := send(t, p, "hi")
			close(release)
			if got := errorsOf(d); !slices.Equal(got, []int{row.want}) {
				t.Errorf("errors %v, want %d: %+v", got, row.want, d.Findings)
			}
			if len(d.Exchanges) != row.tries || len(requests) != row.tries {
				t.Fatalf("%d exchanges, %d requests, want %d", len(d.Exchanges), len(requests), row.tries)
			}
			first := <-requests
			for i := 1; i < row.tries; i++ {
				if d.Exchanges[i].Reason != phone.Retry {
					t.Errorf("exchange %d is a %s", i, d.Exchanges[i].Reason)
				}
				if again := <-requests; again != first {
					t.Errorf("the retry is\n%q, the first try was\n%q", again, first)
				}
			}
			if got := warned(d, "Idempotency"); got != (row.tries > 1) {
				t.Errorf("warned of the token: %t", got)
			}
		})
	}
}

func TestARefusedConnectionIsTriedOnceMore(t *testing.T) {
	d := send(t, newPhone(t, at("http://"+unused(t))), "hi")
	if got := errorsOf(d); !slices.Equal(got, []int{11202}) {
		t.Errorf("errors %v", got)
	}
	if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Retry}) {
		t.Errorf("exchanges %q", got)
	}
	if warned(d, "Idempotency") {
		t.Error("nothing was delivered, and still it is warned of")
	}
}

// unused is an address that nothing listens at.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Six tries of 100 ms each would be more than the 250 ms that are allowed: without that bound there would be six.
func TestTheTotalTimeBoundsAllTries(t *testing.T) {
	release := make(chan struct{})
	addr := newRaw(t, func(c net.Conn, _ int) {
		readRequest(t, c)
		<-release
	})
	defer close(release)
	d := send(t, newPhone(t, phone.Endpoint{URL: publicURL + "#rt=100&rc=5&rp=rt&tt=250", Address: "http://" + addr}), "hi")
	if got := errorsOf(d); !slices.Equal(got, []int{11203}) {
		t.Errorf("errors %v, want the total time: %+v", got, d.Findings)
	}
	if n := len(d.Exchanges); n < 2 || n > 3 {
		t.Errorf("%d tries", n)
	}
}

// A byte every 10 ms keeps the time between packets, and does not save an answer that takes too long in all.
func TestTheTotalTimeBoundsAnAnswerThatDrips(t *testing.T) {
	stop := make(chan struct{})
	addr := newRaw(t, func(c net.Conn, _ int) {
		readRequest(t, c)
		drip(c, stop)
	})
	d := send(t, newPhone(t, phone.Endpoint{URL: publicURL + "#rt=5000&tt=300", Address: "http://" + addr}), "hi")
	close(stop)
	if got := errorsOf(d); !slices.Equal(got, []int{11203}) {
		t.Errorf("errors %v: %+v", got, d.Findings)
	}
}
