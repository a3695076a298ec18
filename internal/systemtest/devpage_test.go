package systemtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// browse makes a request without the headers of a browser.
func browse(tb testing.TB, method, url, body string) (status int, text string) {
	tb.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestGuideBeginsWithThePage(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=")
	d.lines("curl")
	first, _, _ := strings.Cut(d.stdout(), "\n")
	if !strings.Contains(first, d.url+"/ ") {
		t.Errorf("the guide begins with %q", first)
	}
	if status, page := browse(t, "GET", d.url+"/", ""); status != 200 || !strings.Contains(page, "<h1>smsession") {
		t.Errorf("the page is %d %s", status, page)
	}
}

// TestPage sends a message with a phone of the page. The prefix of the keys needs quoting, and the public URL does not
// exist.
func TestPage(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=", "PUBLIC_URL=https://sms.example.com/in", "REDIS_PREFIX=it's:")
	status, text := browse(t, "POST", d.url+"/dev/act", `{"phone":"1","kind":"text","body":"hello"}`)
	var sent struct {
		Entries []struct {
			Outcome struct{ Replies []struct{ Body string } }
		}
	}
	err := json.Unmarshal([]byte(text), &sent)
	if err != nil || status != 200 || len(sent.Entries) != 1 ||
		sent.Entries[0].Outcome.Replies[0].Body != webhooktest.Greeting(1) {
		t.Fatalf("a message gets %d %s", status, text)
	}
	var session struct {
		Command string
		Record  struct{ Raw string }
	}
	status, printed := browse(t, "GET", d.url+"/dev/session?phone=1", "")
	if err := json.Unmarshal([]byte(printed), &session); err != nil || status != 200 {
		t.Fatalf("the session is %d %s", status, printed)
	}
	if got := paste(t, session.Command); got == "" || got != session.Record.Raw {
		t.Errorf("%s prints %s, the page shows %s", session.Command, got, session.Record.Raw)
	}
	_, wire := browse(t, "GET", d.url+"/dev/message?phone=1&entry=1", "")
	_, state := browse(t, "GET", d.url+"/dev/state", "")
	if !strings.Contains(wire, "https://sms.example.com/in/sms") ||
		strings.Contains(wire+text+printed+state, d.file.AuthToken) {
		t.Errorf("the request was %s", wire)
	}
}

func TestDevWarnsOfItsApp(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=", "APP_URL=http://user:S3cr3t@127.0.0.1:1/sms?key=S3cr3t")
	webhooktest.Wait(t, "the warning", func() bool {
		return strings.Contains(d.stderr(), `"msg":"the app accepts no connection: start it, and the service will find it",`+
			`"app_url":"http://127.0.0.1:1/sms?•••"`)
	})
	if strings.Contains(d.stderr(), "S3cr3t") {
		t.Errorf("a secret is in the log:\n%s", d.stderr())
	}
}

// TestPageWithApp sends a message to an app. The page shows the call, and the log does not.
func TestPageWithApp(t *testing.T) {
	const secret = "swordfish"
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "answer="+secret)
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, "<Response><Message>You wrote %s</Message></Response>", r.FormValue("Body"))
	}))
	t.Cleanup(app.Close)
	d := startDev(t, "PORT=0", "ADMIN_ADDR=", "APP_URL="+app.URL+"/sms", "LOG_LEVEL=debug")
	d.lines("curl")
	if !strings.Contains(d.stdout(), "an inspector for your app\n"+app.URL+"/sms.") {
		t.Errorf("the guide does not name the app:\n%s", d.stdout())
	}
	status, text := browse(t, "POST", d.url+"/dev/act", `{"phone":"1","kind":"text","body":"`+secret+`"}`)
	if status != 200 || !strings.Contains(text, "You wrote "+secret) {
		t.Errorf("a message gets %d %s", status, text)
	}
	_, wire := browse(t, "GET", d.url+"/dev/message?phone=1&entry=1", "")
	var message struct {
		Calls []struct{ Exchanges []struct{ URL string } }
	}
	if err := json.Unmarshal([]byte(wire), &message); err != nil || len(message.Calls) != 1 ||
		message.Calls[0].Exchanges[0].URL != app.URL+"/sms" || !strings.Contains(wire, "answer="+secret) {
		t.Errorf("the calls are %v %s", err, wire)
	}
	if strings.Contains(d.stderr(), "accepts no connection") {
		t.Errorf("the log warns of the app:\n%s", d.stderr())
	}
	if status, text := browse(t, "GET", d.url+"/dev/app", ""); status != 200 || text != `{"reachable":true}`+"\n" {
		t.Errorf("/dev/app gets %d %s", status, text)
	}
	if strings.Contains(d.stderr(), secret) {
		t.Errorf("the log contains what the sender or the app wrote:\n%s", d.stderr())
	}
}

func TestOnlyDevHasThePage(t *testing.T) {
	r := startReplica(t, redistest.Start(t, redistest.Options{}).URL())
	for _, url := range []string{r.url, r.operator()} {
		for _, path := range []string{"/", "/dev/", "/dev/state", "/dev/page.js"} {
			if status, _ := browse(t, "GET", url+path, ""); status != 404 {
				t.Errorf("GET %s gets %d, want 404", path, status)
			}
		}
		if status, _ := browse(t, "POST", url+"/dev/act", `{"phone":"1","kind":"text","body":"hello"}`); status != 404 {
			t.Errorf("POST /dev/act gets %d, want 404", status)
		}
	}
}
