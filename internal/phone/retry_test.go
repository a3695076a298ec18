package phone_test

import (
	"io"
	"net"
	"slices"
	"testing"

	"smsession/internal/phone"
)

// TestTimeouts tests the retries after time-outs.
func TestRetries(t *testing.T) {
	const (
		refusal = "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
		crash   = "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
		half    = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100\r\n\r\n<Resp"
	)
	for _, row := range []struct {
		name, fragment string
		response       string // the connection is closed after it
		tries          int
		code           int
	}{
		{"a 4xx is not tried again by default", "", refusal, 1, 11217},
		{"a 5xx is not tried again by default", "", crash, 1, 11217},
		{"a closed connection is not tried again by default", "", "", 1, 11206},
		{"a 4xx is tried again with rp=4xx", "#rp=4xx", refusal, 2, 11217},
		{"a 5xx is not tried again with rp=4xx", "#rp=4xx", crash, 1, 11217},
		{"a 5xx is tried again with rp=5xx", "#rp=5xx", crash, 2, 11217},
		{"rc is the number of retries", "#rc=3&rp=4xx,5xx", crash, 4, 11217},
		{"there are no retries with rc=0", "#rc=0&rp=all", crash, 1, 11217},
		{"a closed connection is tried again with rp=all", "#rp=all", "", 2, 11206},
		{"a closed connection is not tried again with rp=rt", "#rp=rt", "", 1, 11206},
		{"a response that is cut off is not tried again", "#rc=5&rp=all", half, 1, 11206},
	} {
		t.Run(row.name, func(t *testing.T) {
			requests := make(chan string, 8)
			server := newRaw(t, func(c net.Conn) {
				requests <- readRequest(c)
				io.WriteString(c, row.response)
			})
			d := send(t, newPhone(t, withOverrides(server, row.fragment)), "hi")
			if got := errorsOf(d); !slices.Equal(got, []int{row.code}) {
				t.Errorf("the findings are %+v, want %d", d.Findings, row.code)
			}
			if len(d.Exchanges) != row.tries || len(requests) != row.tries {
				t.Fatalf("there are %d exchanges and %d requests, want %d", len(d.Exchanges), len(requests), row.tries)
			}
			first := <-requests
			for _, e := range d.Exchanges[1:] {
				if again := <-requests; e.Reason != phone.Retry || again != first {
					t.Errorf("a %s is\n%q, the first request is\n%q", e.Reason, again, first)
				}
			}
			if got := isWarned(d, "Idempotency"); got != (row.tries > 1) {
				t.Errorf("there is a warning about the idempotency token: %t", got)
			}
		})
	}
}

// Without a connection, Twilio tries once more by default.
func TestConnectRetry(t *testing.T) {
	tls, _ := newTLS(t, nil, responds(empty)) // its certificate is not trusted
	for _, row := range []struct {
		name, server string
		code         int
	}{
		{"a refused connection is tried again", unused(t), 11202},
		{"a failed handshake is tried again", tls.URL, 11237},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := send(t, newPhone(t, at(row.server)), "hi")
			if got := errorsOf(d); !slices.Equal(got, []int{row.code}) {
				t.Errorf("the errors are %v", got)
			}
			if got := reasons(d); !slices.Equal(got, []phone.Reason{phone.Primary, phone.Retry}) {
				t.Errorf("the exchanges are %q", got)
			}
			if isWarned(d, "Idempotency") {
				t.Error("there is a warning about the idempotency token, although nothing was sent")
			}
		})
	}
}
