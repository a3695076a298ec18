package webhook

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"time"

	"smsession/internal/healthcheck"
	"smsession/internal/terminal"
	"smsession/internal/twilio/rest"
	"smsession/internal/weburl"
)

// answerTimeout is how long a service may take to answer at /healthz. Twilio waits equally long for a connection.
const answerTimeout = 5 * time.Second

// Answer is the answer of an smsession at /healthz.
type Answer struct {
	URL     weburl.URL `json:"url"`
	Version string     `json:"version"`
}

// Ask checks that an smsession answers at both URLs of a webhook. It requests /healthz next to each URL, and only once
// if that is the same URL. It returns an error if a URL cannot be reached, does not answer within 5 s, answers with a
// redirect, or is not an smsession. A nil transport means http.DefaultTransport.
func Ask(ctx context.Context, transport http.RoundTripper, w rest.Webhook) (answers []Answer, err error) {
	for _, url := range slices.Compact([]weburl.URL{healthURL(w.URL), healthURL(w.FallbackURL)}) {
		version, err := ask(ctx, cmp.Or(transport, http.DefaultTransport), url)
		if err != nil {
			return nil, err
		}
		answers = append(answers, Answer{URL: url, Version: version})
	}
	return answers, nil
}

// ask returns the version of the smsession at a URL.
func ask(ctx context.Context, transport http.RoundTripper, url weburl.URL) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answer, err := healthcheck.Ask(bounded, transport, url.Configured())
	version, isOurs := answer.Version()
	switch {
	case err != nil && bounded.Err() != nil && ctx.Err() == nil:
		return "", fmt.Errorf("%s does not answer within %v", url.Masked(), answerTimeout)
	case err != nil:
		return "", fmt.Errorf("%s cannot be reached: %w", url.Masked(), err)
	case answer.Status/100 == 3:
		return "", fmt.Errorf("%s answers with a redirect (%d), and Twilio would lose the message", url.Masked(),
			answer.Status)
	case answer.Status != http.StatusOK:
		return "", fmt.Errorf("%s answers with status %d, so it is not smsession", url.Masked(), answer.Status)
	case !isOurs || version != terminal.Escape(version):
		return "", fmt.Errorf("%s answers, but it is not smsession", url.Masked())
	}
	return version, nil
}

// healthURL returns the URL of the service's /healthz. It is next to the route, or next to the last part of another
// path.
func healthURL(u weburl.URL) weburl.URL {
	health := "../healthz"
	if hasRoute(u, weburl.FallbackPath) {
		health = "../../healthz"
	}
	u.Path, u.Query, u.Fragment = path.Join("/", u.Path, health), "", ""
	return u
}
