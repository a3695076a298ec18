package systemtest

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"smsession/internal/chaostest/control"
)

// startCookieApp starts an app that counts the messages of a conversation in a cookie, as the sessions of many
// frameworks do, and answers with the texts of Twilio's tutorial. It adds padding to the cookie.
func startCookieApp(tb testing.TB, padding string) *httptest.Server {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, value, _ := strings.Cut(r.Header.Get("Cookie"), "=")
		value, _, _ = strings.Cut(value, ".")
		count, _ := strconv.Atoi(value)
		w.Header().Set("Set-Cookie", "smsession="+strconv.Itoa(count+1)+"."+padding+"; Path=/; HttpOnly")
		control.Greet(w, count+1)
	}))
	tb.Cleanup(app.Close)
	return app
}
