// Package healthcheck asks a service over HTTP what it says about its health. A replica answers with one line: its name and
// version at /healthz, and one word at /readyz.
package healthcheck

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxLine is how much of an answer is read. A line of ours has some 30 bytes.
const maxLine = 1 << 10

// Answer is what a service said. It may come from any server, so Line must be escaped before it is shown.
type Answer struct {
	Status int
	Line   string
}

// Ask gets a URL. It follows no redirect, and it keeps no connection open. A nil transport means a direct connection. The
// error does not quote the URL, which may contain a password.
func Ask(ctx context.Context, transport http.RoundTripper, address string) (Answer, error) {
	if transport == nil {
		transport = &http.Transport{}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Answer{}, errors.New("it is not a valid URL")
	}
	request.Close = true
	client := http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, withoutURL(err)
	}
	defer response.Body.Close()
	line, err := io.ReadAll(io.LimitReader(response.Body, maxLine))
	if err != nil {
		return Answer{}, withoutURL(err)
	}
	return Answer{Status: response.StatusCode, Line: strings.TrimSpace(string(line))}, nil
}

// Version returns the version in a replica's answer from /healthz. It reports false if the answer is another server's.
func (a Answer) Version() (version string, ours bool) {
	version, ours = strings.CutPrefix(a.Line, "smsession ")
	return version, ours && a.Status == http.StatusOK
}

// withoutURL returns the cause of an error of net/http.
func withoutURL(err error) error {
	var quoting *url.Error
	if errors.As(err, &quoting) {
		return quoting.Err
	}
	return err
}
