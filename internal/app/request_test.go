package app

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// received is a request as a server of net/http gets it.
type received struct {
	Method, URI, Host, Body string
	Header                  http.Header
	Length                  int64
}

func receive(t *rapid.T, sent []byte) received {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(sent)))
	if err != nil {
		t.Fatalf("%v in\n%s", err, sent)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%v in the body of\n%s", err, sent)
	}
	return received{r.Method, r.RequestURI, r.Host, string(body), r.Header, r.ContentLength}
}

// The expected values come from net/http.
func TestRequest(t *testing.T) {
	t.Run("a server gets what net/http would send", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			path := rapid.StringMatching(`(/[a-z%20é]*)?(\?[a-z=&;%41é]*)?`).Draw(t, "path")
			u, err := url.Parse("http://app.example:8000" + path)
			if err != nil {
				t.Skip(err)
			}
			r := &http.Request{
				Method: rapid.SampledFrom([]string{"GET", "POST"}).Draw(t, "method"), URL: u, Host: "sms.example:8443",
				Header: http.Header{"User-Agent": {""}}, // otherwise, net/http sends its own
			}
			for name, value := range rapid.MapOf(rapid.StringMatching(`X-[A-Z][a-z0-9]{0,5}`),
				rapid.StringMatching(`([!-~é]([ -~é\t]*[!-~é])?)?`)).Draw(t, "header") {
				r.Header[name] = []string{value, "second"}
			}
			body := rapid.String().Draw(t, "body")
			got, err := appendRequest([]byte("before"), r, body)
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength, r.Body = int64(len(body)), io.NopCloser(strings.NewReader(body))
			if body == "" {
				r.Body = nil
			}
			var want bytes.Buffer
			if err := r.Write(&want); err != nil {
				t.Fatal(err)
			}
			gotten, wanted := receive(t, bytes.TrimPrefix(got, []byte("before"))), receive(t, want.Bytes())
			delete(gotten.Header, "User-Agent")
			if !reflect.DeepEqual(gotten, wanted) {
				t.Errorf("the server gets\n%+v, want\n%+v", gotten, wanted)
			}
		})
	})
	for _, value := range []string{"a\r\nX-Other: b", "a\nb", "a\rb", "a\x00", "\x7f"} {
		t.Run("a value cannot end its line", func(t *testing.T) {
			r := &http.Request{Method: "POST", URL: &url.URL{Path: "/sms"}, Header: http.Header{"Cookie": {value}}}
			if sent, err := appendRequest(nil, r, ""); err != errValue {
				t.Errorf("the error is %v for\n%s", err, sent)
			}
		})
		t.Run("a query cannot end its line", func(t *testing.T) {
			r := &http.Request{Method: "POST", URL: &url.URL{Path: "/sms", RawQuery: value}}
			if sent, err := appendRequest(nil, r, ""); err != errValue {
				t.Errorf("the error is %v for\n%s", err, sent)
			}
		})
	}
}
