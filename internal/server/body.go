package server

import (
	"io"
	"mime"
	"net/http"

	"smsession/internal/server/connlimit"
)

const (
	// maxBody is the size in bytes of the largest body. Twilio sends far less: 20 to 40 parameters and at most 1,600
	// characters of text.
	maxBody   = 64 << 10
	usualBody = 4 << 10

	formType = "application/x-www-form-urlencoded"
)

// isForm reports whether contentType is the type of a form, with or without a charset. Twilio sends it without a
// charset.
func isForm(contentType string) bool {
	if contentType == formType {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == formType
}

func isPlain(encoding string) bool { return encoding == "" || encoding == "identity" }

// readBody reads the body into a buffer that grows as the body arrives, because the length that the head announces can
// be false. Most of Twilio's bodies fit into the first buffer. The size of the buffer counts for the connection until
// the request is verified. If a body ends early, the error of net/http is not io.EOF.
func readBody(r *http.Request, conn *connlimit.Conn) ([]byte, result) {
	if r.ContentLength > maxBody {
		return nil, tooLarge
	}
	limit := maxBody + 1 // the last byte shows that a body without an announced length is too large
	if r.ContentLength >= 0 {
		limit = int(r.ContentLength)
	}
	var body []byte
	for err := error(nil); err != io.EOF && len(body) < limit; {
		if len(body) == cap(body) {
			size := min(max(2*cap(body), usualBody), limit)
			conn.Grow(size - cap(body))
			body = append(make([]byte, 0, size), body...)
		}
		var n int
		n, err = r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err != nil && err != io.EOF {
			return nil, unreadable
		}
	}
	if len(body) > maxBody {
		return nil, tooLarge
	}
	_ = r.Body.Close() // otherwise net/http looks for more of it before the answer
	return body, ""
}
