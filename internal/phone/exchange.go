package phone

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/twilio"
)

// exchange sends a request once, records it, and stores the cookies of the response.
func (d *dispatch) exchange(ctx context.Context, r request, end time.Time) (response, *failure) {
	p := d.phone
	query, body := r.split()
	e := Exchange{Reason: r.reason, Method: r.method, URL: r.signed(), Address: withQuery(r.to.requested, query), Sent: p.Now()}
	httpRequest, err := http.NewRequest(r.method, e.Address, nil)
	if err != nil {
		return response{}, &failure{code: 11100, detail: "The URL is not valid."}
	}
	snapshot := p.jar.Snapshot(r.to.parsed, e.Sent)
	if d.delivery.Message.Cookieless {
		snapshot.Sent = nil
	}
	if len(d.delivery.Exchanges) == 0 {
		d.before, d.after = snapshot.All, snapshot.All
	}
	if len(snapshot.Sent) > 0 {
		d.warnCookies(r.reason, e.URL)
	}
	signature := d.sign(e.URL, body)
	httpRequest.Header = r.header(signature, snapshot.Sent.Header())
	began := time.Now()
	res, failed := p.options.Network.roundTrip(ctx, httpRequest, body, r.to.overrides, end)
	e.Took, e.Status = time.Since(began), res.status
	if failed != nil {
		e.Error = failed.detail
	}
	if p.options.Trace {
		e.Signature, e.RequestHeader, e.RequestBody = signature, httpRequest.Header.Clone(), string(body)
		if r.withLogin {
			e.RequestHeader.Set("Authorization", "Basic •••")
		}
		e.ResponseHeader, e.ResponseBody = res.header, string(res.body)
	}
	d.delivery.Exchanges = append(d.delivery.Exchanges, e)
	if failed != nil {
		return response{}, failed
	}
	return res, d.storeCookies(snapshot, r, res)
}

// sign returns the X-Twilio-Signature of a request.
func (d *dispatch) sign(url string, body []byte) string {
	token := d.phone.options.AuthToken
	if d.delivery.Message.Forged {
		token = "not " + token
	}
	form, _ := twilio.ParseForm(body) // encode has escaped it
	return twilio.Sign(token, url, form)
}

// header returns the header as captured from Twilio and as Twilio's own emulator sends it. The Content-Type of a message
// has no charset. net/http sends its own Host and Content-Length.
func (r request) header(signature, cookies string) http.Header {
	h := http.Header{
		"Host":                       {r.to.address.Host},
		"Accept":                     {"*/*"},
		"Accept-Encoding":            {"gzip"},
		"I-Twilio-Idempotency-Token": {r.token},
		"User-Agent":                 {"TwilioProxy/1.1"},
		"X-Home-Region":              {"us1"},
		"X-Twilio-Signature":         {signature},
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

// storeCookies stores the cookies of a response. It fails if Twilio refuses the response because of one of them.
func (d *dispatch) storeCookies(snapshot cookies.Snapshot, r request, res response) *failure {
	p, now := d.phone, d.phone.Now()
	var sets []cookies.Cookie
	for _, line := range res.header["Set-Cookie"] {
		c, err := p.jar.Parse(line, r.to.parsed, now)
		switch {
		case errors.Is(err, cookies.ErrIgnored):
			d.warn(r.signed(), "A Set-Cookie header has no equals sign. Browsers ignore it, and so does this phone.")
			continue
		case errors.Is(err, cookies.ErrDomain):
			d.warn(r.signed(), "A cookie is set for a domain that is not the server's. A browser refuses it.")
			continue
		case err != nil:
			return &failure{code: 11206, detail: "Twilio refuses the response: " + err.Error() + "."}
		case c.Deletes():
			d.warn(r.signed(), "It is not confirmed that Twilio deletes a cookie whose Max-Age or Expires has passed.")
		}
		sets = append(sets, c)
	}
	d.after = p.jar.Update(snapshot, sets, now)
	return nil
}
