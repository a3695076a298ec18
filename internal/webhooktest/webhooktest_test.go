package webhooktest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"smsession/internal/webhooktest"
)

// The vectors are those that Twilio's own libraries are tested with.
func TestSign(t *testing.T) {
	const u = "https://mycompany.com/myapp.php?foo=1&bar=2"
	for _, row := range []struct {
		name string
		form url.Values
		want string
	}{
		{"the documented example", url.Values{
			"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"},
			"From": {"+14158675309"}, "To": {"+18005551212"},
		}, "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
		{"repeated names", url.Values{
			"Sid": {"CA123"}, "SidAccount": {"AC123"}, "Digits": {"5678", "1234", "1234"},
		}, "IK+Dwps556ElfBT0I3Rgjkr1wJU="},
		{"empty values", url.Values{
			"Digits": {""}, "CallSid": {"CA1234567890ABCDE"}, "EmptyParam": {""},
		}, "9HHp/OqQMEwdrVebHDdA/+tqjX8="},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := webhooktest.Sign("12345", u, row.form); got != row.want {
				t.Errorf("the signature is %s, want %s", got, row.want)
			}
		})
	}
}

func TestSender(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		want := webhooktest.Sign(webhooktest.AuthToken, webhooktest.PublicURL+r.URL.Path, form)
		if r.Header.Get("X-Twilio-Signature") != want {
			http.Error(w, "Wrong signature.", http.StatusForbidden)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "smsession", Value: r.Header.Get("Cookie") + "!"})
		io.WriteString(w, "<Response><Message>"+form.Get("Body")+"</Message><Message>&amp;</Message></Response>")
	})
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	s := webhooktest.NewSender(t)

	overConnection, err := s.Send(server.URL, "/sms", webhooktest.NewSID(), "token")
	if err != nil {
		t.Fatal(err)
	}
	request := s.Request(server.URL, "/sms", s.Form(webhooktest.NewSID(), "hello"), "token")
	for _, reply := range []webhooktest.Reply{overConnection, webhooktest.Serve(h, request)} {
		texts, err := reply.Texts()
		if !slices.Equal(texts, []string{"hello", "&"}) || reply.Text() != "hello\n&" {
			t.Errorf("the messages are %q (%v)", texts, err)
		}
		if reply.Cookie != "smsession=token!" {
			t.Errorf("the cookie is %q", reply.Cookie)
		}
	}

	s.AuthToken = "wrong"
	if refused, err := s.Send(server.URL, "/sms", webhooktest.NewSID(), ""); err != nil ||
		refused.Text() != "403 Wrong signature.\n" {
		t.Errorf("a wrong token gives %q, %v", refused.Text(), err)
	}
}

func TestWait(t *testing.T) {
	calls := 0
	webhooktest.Wait(t, "the third call", func() bool { calls++; return calls == 3 })
	if calls != 3 {
		t.Errorf("the condition was tried %d times, want 3", calls)
	}
	closed := make(chan int)
	close(closed)
	if got := webhooktest.Receive(t, "the channel to be closed", closed); got != 0 {
		t.Errorf("a closed channel gave %d", got)
	}
}
