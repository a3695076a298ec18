package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"smsession/internal/socket"
)

const maxHead = 128 << 10 // bytes of the head of an answer; 50 cookies and their attributes need less

var (
	errClosed  = errors.New("the app has closed the idle connection")
	errValue   = errors.New("the URL or a header of the request has a control character")
	errTooLong = errors.New("the head of the answer is larger than 128 KiB")
)

// conn is a connection to the app, over which one request at a time is sent. Only interrupt may be called concurrently.
//
// net/http reads the answer. Its Transport is not used: it runs two more goroutines for each connection, which cost
// more CPU time than the rest of a call, and it sends some requests again by itself. Its Request.Write takes five times
// as long as appendRequest.
type conn struct {
	net.Conn               // TCP or TLS
	socket   net.Conn      // TCP
	reader   *bufio.Reader // reads from the conn
	left     int           // how many bytes may be read
	request  []byte        // its memory is used again for the next request
	timer    *time.Timer   // closes an idle connection; nil before the first answer
}

// Read returns an error after the number of bytes that may be read.
func (c *conn) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errTooLong
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// interrupt ends the reading and writing.
func (c *conn) interrupt() { _ = c.SetDeadline(time.Unix(1, 0)) }

// answer is a complete HTTP response.
type answer struct {
	status int
	header http.Header
	body   []byte // decompressed, cut off after one byte more than the limit
}

// exchange sends a request with a body, and reads the answer until ctx ends. limit is the size of the largest body of
// an answer. isSent reports whether the app may have received a part of the request. isReusable reports whether another
// request can follow. If it cannot, the caller closes the connection.
func (c *conn) exchange(ctx context.Context, r *http.Request, body string, limit int) (
	got answer, isSent, isReusable bool, _ error,
) {
	if c.timer != nil && socket.Peek(c.socket) != socket.Quiet {
		return got, false, false, errClosed
	}
	stop := context.AfterFunc(ctx, c.interrupt)
	isSent, sendErr := c.send(r, body)
	if !isSent {
		stop()
		return got, false, false, sendErr
	}
	got, isReusable, err := c.receive(r, limit) // even if the app has not read the whole request
	isReusable = stop() && isReusable && sendErr == nil && err == nil
	return got, true, isReusable, err
}

// send writes a request. isSent reports whether the app may have received a part of it.
func (c *conn) send(r *http.Request, body string) (isSent bool, _ error) {
	var err error
	if c.request, err = appendRequest(c.request[:0], r, body); err != nil {
		return false, err
	}
	n, err := c.Write(c.request)
	return n > 0, err
}

// appendRequest appends a request with a body. The names of the header must be valid, and none of them may be Host or
// Content-Length. A URL or a value that would end its line is an error.
func appendRequest(b []byte, r *http.Request, body string) ([]byte, error) {
	uri := r.URL.RequestURI()
	if !httpguts.ValidHeaderFieldValue(uri) {
		return b, errValue
	}
	b = append(append(append(append(b, r.Method...), ' '), uri...), " HTTP/1.1"...)
	b = append(append(b, "\r\nHost: "...), r.Host...)
	for name, values := range r.Header {
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return b, errValue
			}
			b = append(append(append(append(b, "\r\n"...), name...), ": "...), value...)
		}
	}
	if body != "" || r.Method == http.MethodPost {
		b = strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(len(body)), 10)
	}
	return append(append(b, "\r\n\r\n"...), body...), nil
}

// receive reads an answer, after any number of interim answers.
func (c *conn) receive(r *http.Request, limit int) (got answer, isReusable bool, _ error) {
	c.left = maxHead
	res, err := http.ReadResponse(c.reader, r)
	for err == nil && res.StatusCode/100 == 1 && res.StatusCode != http.StatusSwitchingProtocols {
		res, err = http.ReadResponse(c.reader, r)
	}
	if err != nil {
		return got, false, err
	}
	got.status, got.header = res.StatusCode, res.Header
	if res.StatusCode == http.StatusSwitchingProtocols {
		return got, false, nil // after this status, the body would be the connection
	}
	c.left = math.MaxInt
	got.body, err = readBody(res, limit)
	return got, err == nil && len(got.body) <= limit && !res.Close && c.isDrained(), err
}

// isDrained reports whether all bytes that were read from the socket, also those that TLS has read, belong to the
// answer. With a deadline in the past, TLS returns such bytes, but does not read.
func (c *conn) isDrained() bool {
	if c.Conn == c.socket {
		return c.reader.Buffered() == 0
	}
	c.interrupt()
	_, err := c.reader.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded) && c.SetDeadline(time.Time{}) == nil
}

// readBody reads at most one byte more than the limit, decompressed.
func readBody(res *http.Response, limit int) ([]byte, error) {
	body := io.Reader(res.Body)
	size := int(min(max(res.ContentLength, 0), int64(limit)))
	if strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") {
		res.Header.Del("Content-Encoding")
		res.Header.Del("Content-Length")
		unzipped, err := gzip.NewReader(body)
		if err == io.EOF { // an empty body
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		body, size = unzipped, 0
	}
	b := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead)) // so that it never grows if the length is known
	_, err := b.ReadFrom(io.LimitReader(body, int64(limit)+1))
	return b.Bytes(), err
}
