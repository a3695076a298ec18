package phone_test

import (
	"net/http"
	"strings"
	"testing"

	"smsession/internal/phone"
)

func TestNoSignature(t *testing.T) {
	w := newWebhook(t, responds(empty))
	unsigned := func(o *phone.Options) { o.NoSignature, o.AuthToken = true, "" }
	d := send(t, newPhone(t, at(w.URL), unsigned), "hi")
	if _, has := w.only(t).header["X-Twilio-Signature"]; has || d.Exchanges[0].Signature != "" || !d.OK() {
		t.Errorf("the request has a signature, the exchange is %+v", d.Exchanges[0])
	}
}

// The finding about a 403 says what was signed, so that a person can compare it. It never has the whole token.
func TestWhatWasSigned(t *testing.T) {
	const secret = "fedcba98765432100123456789abcdef" // unlike the account SID
	for _, row := range []struct {
		name   string
		change func(*phone.Options)
		want   string
	}{
		{"a token is shown by its ends", func(o *phone.Options) { o.AuthToken = secret },
			"signed the URL " + publicURL + " with the auth token fedc…cdef."},
		{"a short token is shown by its length", func(o *phone.Options) { o.AuthToken = secret[:16] },
			"with an auth token of 16 characters."},
		{"a made-up token is named", func(o *phone.Options) { o.AuthToken, o.TokenMadeUp = secret, true },
			"with a made-up auth token, because none was given (TWILIO_AUTH_TOKEN)."},
		{"the account is named", func(o *phone.Options) { o.AccountSID = "AC790123456789abcdef0123456789abcd" },
			"If it refused the account, compare its account SID with AC790123456789abcdef0123456789abcd."},
		{"no signature is named", func(o *phone.Options) { o.NoSignature = true }, "The request had no signature."},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, status(http.StatusForbidden))
			d := send(t, newPhone(t, at(w.URL), row.change), "hi")
			if !isWarned(d, row.want) {
				t.Errorf("the findings are %+v", d.Findings)
			}
			for _, f := range d.Findings {
				if strings.Contains(f.Detail, secret) || strings.Contains(f.Detail, secret[:16]) {
					t.Errorf("the token is in %q", f.Detail)
				}
			}
		})
	}
}

func TestLongText(t *testing.T) {
	p := newPhone(t, at(newWebhook(t, responds(empty)).URL))
	if d := send(t, p, strings.Repeat("é", 1600)); len(d.Findings) > 0 {
		t.Errorf("the findings about 1,600 characters are %+v", d.Findings)
	}
	if d := send(t, p, strings.Repeat("é", 1601)); !d.OK() || !isWarned(d, "The message has 1601 characters.") {
		t.Errorf("the findings about 1,601 characters are %+v", d.Findings)
	}
}

func TestParams(t *testing.T) {
	w := newWebhook(t, responds(empty))
	p := newPhone(t, at(w.URL), func(o *phone.Options) {
		o.Params = []phone.Param{
			{Name: "FromCity", Value: "CHICAGO"}, {Name: "Zz", Value: "a,b & c"}, {Name: "Zz", Value: "d"}}
	})
	d := send(t, p, "hi")
	r := w.only(t)
	if !strings.Contains(r.body, "&FromCity=CHICAGO&Body=hi&") || !strings.HasSuffix(r.body, "&Zz=d") ||
		!r.isSigned(publicURL) || !d.OK() {
		t.Errorf("the body is %q", r.body)
	}
}
