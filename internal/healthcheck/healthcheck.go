// Package healthcheck asks a service about its health over HTTP. A replica answers with one line: its name and version
// at /healthz, and one word at /readyz.
package healthcheck

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

// maxLine is how many bytes of an answer Ask reads. The line of a replica has about 30 bytes.
const maxLine = 1 << 10

// Answer is the answer of a service. It may come from any server, so Line must be escaped before it is shown.
type Answer struct {
	Status int
	Line   string
}

// Ask requests a URL. It returns the answer with any status. It follows no redirect and keeps no connection open. It
// has no time limit except that of ctx. A nil transport means a direct connection. No error quotes the URL, which may
// contain a password. It is safe for concurrent use.
func Ask(ctx context.Context, transport http.RoundTripper, address string) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Answer{}, errors.New("the URL is invalid")
	}
	request.Close = true
	if login := request.URL.User; login != nil {
		password, _ := login.Password()
		request.SetBasicAuth(login.Username(), password)
	}
	if transport == nil {
		transport = &http.Transport{}
	}
	response, err := transport.RoundTrip(request) // an http.Client would follow redirects, and quote the URL in errors
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	line, err := io.ReadAll(io.LimitReader(response.Body, maxLine))
	return Answer{Status: response.StatusCode, Line: strings.TrimSpace(string(line))}, err
}

// Version returns the version in a replica's answer from /healthz. ours is false if another server has answered, or if
// the status is not 200.
func (a Answer) Version() (version string, ours bool) {
	version, ours = strings.CutPrefix(a.Line, "smsession ")
	return version, ours && a.Status == http.StatusOK
}
