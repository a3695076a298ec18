package phone

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"smsession/internal/cookies"
	"smsession/internal/twiml"
)

// request is one HTTP request.
type request struct {
	reason        Reason
	method        string
	to            *site
	form          []byte // of a POST
	signature     string
	token         string // the same for every try of it
	authorization string
	cookies       cookies.List
}

// line is one line of a request's head.
type line struct{ name, value string }

// headers appends the head's lines, all but Cookie, as captured from Twilio and as its own emulator sends them.
// Neither tells their order. There is no charset in the content type of a message.
func (r *request) headers(all []line) []line {
	all = append(all, line{"Host", r.to.at.host}, line{"Accept", "*/*"}, line{"Accept-Encoding", "gzip"})
	if r.method == http.MethodPost {
		all = append(all,
			line{"Content-Type", "application/x-www-form-urlencoded"},
			line{"Content-Length", strconv.Itoa(len(r.form))})
	}
	if r.authorization != "" {
		all = append(all, line{"Authorization", r.authorization})
	}
	return append(all,
		line{"I-Twilio-Idempotency-Token", r.token},
		line{"User-Agent", "TwilioProxy/1.1"},
		line{"X-Home-Region", "us1"},
		line{"X-Twilio-Signature", r.signature})
}

// header returns the head as it is sent, for people, without the password.
func (r *request) header() http.Header {
	all := make(http.Header)
	for _, h := range r.headers(nil) {
		all.Set(h.name, h.value)
	}
	if r.authorization != "" {
		all.Set("Authorization", "Basic •••") // it is the password of the URL
	}
	if len(r.cookies) > 0 {
		all.Set("Cookie", r.cookies.Header())
	}
	return all
}

// appendTo appends the whole request, to be written at once.
func (r *request) appendTo(wire []byte) []byte {
	wire = append(wire, r.method...)
	wire = append(wire, ' ')
	wire = append(wire, r.to.target...)
	wire = append(wire, " HTTP/1.1\r\n"...)
	var room [10]line
	for _, h := range r.headers(room[:0]) {
		wire = append(wire, h.name...)
		wire = append(wire, ": "...)
		wire = append(wire, h.value...)
		wire = append(wire, "\r\n"...)
	}
	if len(r.cookies) > 0 {
		wire = append(wire, "Cookie: "...)
		wire = append(wire, r.cookies.Header()...)
		wire = append(wire, "\r\n"...)
	}
	wire = append(wire, "\r\n"...)
	return append(wire, r.form...)
}

// errPacked stands for all that can be wrong with a compressed body that came whole.
var errPacked = errors.New("the answer is not compressed as it says")

// answer is a whole response.
type answer struct {
	status int
	header http.Header
	body   []byte // decoded, at most twiml.MaxBytes+1 bytes
}

// readAnswer reads an answer into the buffer. reusable is whether the connection can carry another request.
func readAnswer(c *conn, buffer []byte) (a answer, reusable bool, err error) {
	response, err := readHead(c)
	if err != nil {
		return answer{}, false, err
	}
	body := bytes.NewBuffer(buffer[:0])
	if err := readBody(body, response); err != nil {
		return answer{}, false, err
	}
	a = answer{status: response.StatusCode, header: response.Header, body: body.Bytes()}
	if response.Close || a.status < 200 {
		return a, false, nil
	}
	// More may come: a body that is longer than what is judged, or than what was compressed in it.
	n, err := response.Body.Read(make([]byte, 1))
	return a, n == 0 && err == io.EOF && c.reader.Buffered() == 0, nil
}

// readBody reads as much of a body as can be judged. Twilio asks for no compression but gzip.
func readBody(to *bytes.Buffer, response *http.Response) error {
	content := io.Reader(response.Body)
	if strings.EqualFold(response.Header.Get("Content-Encoding"), "gzip") && response.ContentLength != 0 {
		content = &unzipper{packed: response.Body}
	}
	_, err := to.ReadFrom(io.LimitReader(content, twiml.MaxBytes+1))
	return err
}

// unzipper reads what was compressed.
type unzipper struct {
	packed io.Reader
	reader *gzip.Reader
}

func (u *unzipper) Read(p []byte) (n int, err error) {
	if u.reader == nil {
		u.reader, err = gzip.NewReader(u.packed)
	}
	if err == nil {
		n, err = u.reader.Read(p)
	}
	if err != nil && err != io.EOF || u.reader == nil {
		err = errPacked
	}
	return n, err
}

// readHead reads the first head that is not an interim one. Go's own servers send those only when asked.
func readHead(c *conn) (*http.Response, error) {
	for {
		response, err := http.ReadResponse(&c.reader, nil)
		if err != nil || response.StatusCode >= 200 || response.StatusCode == http.StatusSwitchingProtocols {
			return response, err
		}
	}
}
