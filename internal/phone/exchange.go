package phone

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/twilio"
	"smsession/internal/twiml"
)

// exchanged is the result of one HTTP request.
type exchanged struct {
	Exchange
	response      response // zero if the request failed
	failed        *failure
	findings      twiml.Findings // about the cookies of the request and of the response
	before, after cookies.List   // in the jar, before the request and after the response
}

// exchange sends a request once and stores the cookies of the response. At the time end, it stops with a failure.
func (s sending) exchange(ctx context.Context, r request, end time.Time) exchanged {
	p, o := s.phone, s.phone.options
	query, body := r.split()
	sent := p.Now()
	e := exchanged{Exchange: Exchange{
		Reason: r.reason, Method: r.method, URL: r.signed(), Address: withQuery(r.to.requested, query), Sent: sent,
	}}
	snapshot := p.jar.Snapshot(r.to.parsed, sent)
	e.before, e.after = snapshot.All, snapshot.All
	if s.message.Cookieless || r.isCallback {
		snapshot.Sent = nil
	}
	if len(snapshot.Sent) > 0 {
		e.findings = s.warnCookies(r)
	}
	httpRequest, err := http.NewRequest(r.method, e.Address, nil)
	if err != nil {
		e.failed = &failure{code: 11100, detail: "The URL is not valid."}
		e.Error = e.failed.detail
		return e
	}
	signature := s.sign(e.URL, body)
	httpRequest.Header = r.header(signature, snapshot.Sent.Header())
	began := time.Now()
	e.response, e.failed = o.Network.roundTrip(ctx, httpRequest, body, r.to.overrides, end)
	e.Took, e.Status = time.Since(began), e.response.status
	if e.failed != nil {
		e.Error = e.failed.detail
	}
	if o.Trace {
		e.Signature, e.RequestHeader, e.RequestBody = signature, httpRequest.Header.Clone(), string(body)
		if r.withLogin {
			e.RequestHeader.Set("Authorization", "Basic •••")
		}
		e.ResponseHeader, e.ResponseBody = e.response.header, string(e.response.body)
	}
	if e.failed != nil || r.isCallback {
		return e
	}
	sets, found, failed := s.readCookies(r, e.response)
	e.findings = append(e.findings, found...)
	if failed != nil {
		e.failed, e.response = failed, response{}
		return e
	}
	e.after = p.jar.Update(snapshot, sets, p.Now())
	return e
}

// excerpt returns the first lines of a body, without blank lines, and whether the body has more.
func excerpt(body []byte) (lines []string, isCut bool) {
	const maxLines, maxWidth = 10, 200
	for line := range strings.Lines(strings.ToValidUTF8(string(body), "\uFFFD")) {
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "":
			continue
		case len(lines) == maxLines:
			return lines, true
		}
		if runes := []rune(line); len(runes) > maxWidth {
			line, isCut = string(runes[:maxWidth]), true
		}
		lines = append(lines, line)
	}
	return lines, isCut
}

// sign returns the X-Twilio-Signature of a request, which is wrong for a forged message. It returns "" if the phone
// signs nothing.
func (s sending) sign(url string, body []byte) string {
	if s.phone.options.NoSignature {
		return ""
	}
	token := s.phone.options.AuthToken
	if s.message.Forged {
		token = "not " + token
	}
	form, _ := twilio.ParseForm(body) // never fails, because encode wrote the body
	return twilio.Sign(token, url, form)
}

// header returns the header of a request, as captured from Twilio and as Twilio's own emulator sends it. The
// Content-Type has no charset. Host and Content-Length are only for the trace, because net/http sends its own.
func (r request) header(signature, cookies string) http.Header {
	h := http.Header{
		"Host":                       {r.to.address.Host},
		"Accept":                     {"*/*"},
		"Accept-Encoding":            {"gzip"},
		"I-Twilio-Idempotency-Token": {r.token},
		"User-Agent":                 {"TwilioProxy/1.1"},
		"X-Home-Region":              {"us1"},
	}
	if signature != "" {
		h.Set("X-Twilio-Signature", signature)
	}
	if r.method == http.MethodPost {
		h.Set("Content-Type", "application/x-www-form-urlencoded")
		h.Set("Content-Length", strconv.Itoa(len(r.form)))
	}
	if r.withLogin {
		password, _ := r.to.login.Password()
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(r.to.login.Username()+":"+password)))
	}
	if cookies != "" {
		h.Set("Cookie", cookies)
	}
	return h
}

// readCookies returns the cookies that a response sets. It returns a failure if Twilio refuses the response because of
// one of its cookies.
func (s sending) readCookies(r request, res response) (sets []cookies.Cookie, found twiml.Findings, failed *failure) {
	for _, line := range res.header["Set-Cookie"] {
		c, err := s.phone.jar.Parse(line, r.to.parsed, s.phone.Now())
		switch {
		case errors.Is(err, cookies.ErrIgnored):
			found.Warn(0, "A Set-Cookie header has no equals sign. Browsers and this phone ignore it.")
			continue
		case errors.Is(err, cookies.ErrDomain):
			found.Warn(0, "A cookie is set for a domain that is not the server's. Browsers and this phone refuse it.")
			continue
		case err != nil:
			return nil, found, &failure{code: 11206, detail: "Twilio refuses the response: " + err.Error() + "."}
		case c.Deletes():
			found.Warn(0, "It is not confirmed that Twilio deletes a cookie after Max-Age=0 or an Expires in the past.")
		}
		sets = append(sets, c)
	}
	return sets, found, nil
}
