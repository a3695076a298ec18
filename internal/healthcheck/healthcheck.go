// Package healthcheck asks a service about its health over HTTP. A replica answers with one line: its name and version at
// /healthz, and one word at /readyz.
package healthcheck

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxLine is the number of bytes of an answer that are read. The line of a replica has about 30 bytes.
const maxLine = 1 << 10

// Answer is the answer of a service. It may come from any server, so Line must be escaped before it is shown.
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
	if quoting, ok := errors.AsType[*url.Error](err); ok {
		err = quoting.Err
	}
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	line, err := io.ReadAll(io.LimitReader(response.Body, maxLine))
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: response.StatusCode, Line: strings.TrimSpace(string(line))}, nil
}

// Version returns the version in a replica's answer from /healthz. It reports false if the answer is another server's.
func (a Answer) Version() (version string, ours bool) {
	version, ours = strings.CutPrefix(a.Line, "smsession ")
	return version, ours && a.Status == http.StatusOK
}
