package systemtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/webhooktest"
)

// webhook is a webhook that is not ours. It records its requests.
type webhook struct {
	*httptest.Server
	requests chan *http.Request
}

func startWebhook(tb testing.TB, answer http.HandlerFunc) *webhook {
	tb.Helper()
	w := &webhook{requests: make(chan *http.Request, 100)}
	w.Server = httptest.NewServer(http.HandlerFunc(func(res http.ResponseWriter, req *http.Request) {
		if err := req.ParseForm(); err != nil {
			tb.Error(err)
		}
		w.requests <- req
		answer(res, req)
	}))
	tb.Cleanup(w.Close)
	return w
}

func (w *webhook) next(tb testing.TB) *http.Request {
	tb.Helper()
	select {
	case req := <-w.requests:
		return req
	default:
		tb.Fatal("there are no more requests")
		return nil
	}
}

// signedFor reports whether a request is signed for a URL.
func signedFor(req *http.Request, url string) bool {
	return req.Header.Get("X-Twilio-Signature") == webhooktest.Sign(webhooktest.AuthToken, url, req.PostForm)
}

func twiml(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, "<Response><Message>%s</Message></Response>", text)
	}
}

func TestPhoneTextsOtherWebhooks(t *testing.T) {
	w := startWebhook(t, twiml("welcome"))
	settings := []string{"TWILIO_AUTH_TOKEN= " + webhooktest.AuthToken + " ,67890",
		"TWILIO_ACCOUNT_SID=AC00000000000000000000000000000009"}
	x := text(t, settings, "", "--url="+w.URL+"/text?a=b", "--from=+14158675309", "--to=+18005551212",
		"--messaging-service-sid=MG00000000000000000000000000000001", "hi", "/skip")
	if x.status != 0 || !slices.Equal(x.lines("< "), []string{"welcome"}) ||
		!strings.Contains(x.stdout, "but not on the other side") {
		t.Errorf("exit status %d:\n%s%s", x.status, x.stdout, x.stderr)
	}
	req := w.next(t)
	if !signedFor(req, w.URL+"/text?a=b") || req.URL.RequestURI() != "/text?a=b" {
		t.Errorf("%s is signed for another URL", req.URL)
	}
	want := url.Values{"From": {"+14158675309"}, "To": {"+18005551212"}, "Body": {"hi"}, "NumMedia": {"0"},
		"AccountSid": {"AC00000000000000000000000000000009"}, "MessagingServiceSid": {"MG00000000000000000000000000000001"}}
	for name := range want {
		if req.PostForm.Get(name) != want.Get(name) {
			t.Errorf("%s is %q, want %q", name, req.PostForm.Get(name), want.Get(name))
		}
	}
}

func TestPhoneSignsForAPublicURL(t *testing.T) {
	w := startWebhook(t, func(res http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/sms" {
			res.WriteHeader(http.StatusInternalServerError)
			return
		}
		twiml("sorry")(res, req)
	})
	for _, fallback := range []string{"https://sms.example.com/hooks/sorry", w.URL + "/sorry"} {
		x := text(t, nil, "", "--url="+w.URL+"/sms", "--auth-token="+webhooktest.AuthToken,
			"--public-url=https://sms.example.com/hooks/sms", "--fallback-url="+fallback, "hi")
		if x.status != 1 || !slices.Equal(x.lines("< "), []string{"sorry"}) || !strings.Contains(x.stdout, "! 11217 ") {
			t.Fatalf("%s: exit status %d:\n%s%s", fallback, x.status, x.stdout, x.stderr)
		}
		first, second := w.next(t), w.next(t)
		if !signedFor(first, "https://sms.example.com/hooks/sms") ||
			!signedFor(second, "https://sms.example.com/hooks/sorry") ||
			second.URL.Path != "/sorry" || second.PostForm.Get("MessageSid") != first.PostForm.Get("MessageSid") {
			t.Errorf("%s: the request to the fallback was %s %v", fallback, second.URL, second.PostForm)
		}
	}
}

func TestPhoneSendsPicturesAndStop(t *testing.T) {
	w := startWebhook(t, func(res http.ResponseWriter, _ *http.Request) {
		res.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(res, "<Response><Message><Media>https://example.com/a.png</Media></Message></Response>")
	})
	x := text(t, []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "", "--url="+w.URL,
		"--opt-out=off", "/mms https://example.com/b.gif look", "/stop")
	if x.status != 0 || !slices.Equal(x.lines("< "), []string{"https://example.com/a.png",
		"https://example.com/a.png"}) {
		t.Errorf("exit status %d:\n%s%s", x.status, x.stdout, x.stderr)
	}
	if form := w.next(t).PostForm; form.Get("NumMedia") != "1" ||
		form.Get("MediaUrl0") != "https://example.com/b.gif" ||
		form.Get("MediaContentType0") != "image/gif" || form.Get("Body") != "look" {
		t.Errorf("the request with the picture was %v", form)
	}
	if form := w.next(t).PostForm; form.Get("Body") != "STOP" {
		t.Errorf("the request with STOP was %v", form)
	}
}

// TestPhoneEscapesAnswers has a webhook that answers with control characters in every text that the phone shows.
func TestPhoneEscapesAnswers(t *testing.T) {
	w := startWebhook(t, func(res http.ResponseWriter, req *http.Request) {
		if req.PostForm.Get("Body") == "text" {
			res.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(res, "\x1b[2J\u202e")
			return
		}
		res.Header().Set("Location", "/\u009b2J\u202e")
		res.WriteHeader(http.StatusPermanentRedirect)
	})
	for _, flag := range []string{"--verbose", "--json"} {
		x := text(t, []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "", "--url="+w.URL, flag, "text",
			"redirect")
		if x.status != 1 || strings.ContainsAny(x.stdout+x.stderr, "\x1b\u009b\u202e") ||
			!strings.Contains(x.stdout, `[2J\u202e`) {
			t.Errorf("%s: exit status %d: %q", flag, x.status, x.stdout+x.stderr)
		}
	}
}

func TestPhoneWithoutDev(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=")
	d.kill() // its file is left behind
	squatted := t.TempDir()
	squatter := startWebhook(t, twiml("welcome"))
	open := t.TempDir()
	err := errors.Join(os.Mkdir(filepath.Join(squatted, "smsession"), 0o700),
		os.Mkdir(filepath.Join(open, "smsession"), 0o700),
		os.Chmod(filepath.Join(open, "smsession"), 0o777))
	for dir, text := range map[string]string{
		squatted: fmt.Sprintf(`{"url":%q,"public_url":%[1]q,"auth_token":"S3cr3t"}`, squatter.URL),
		open:     fmt.Sprintf(`{"url":%q,"public_url":%[1]q,"auth_token":"S3cr3t"}`, squatter.URL),
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, "smsession", "dev.json"), []byte(text), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		name     string
		settings []string
		want     string
	}{
		{"no service was ever started", []string{"XDG_RUNTIME_DIR=" + t.TempDir()}, "no `smsession dev` is running"},
		{"the service was killed", runtimeOf(d), "no `smsession dev` is running"},
		{"another program has its port", []string{"XDG_RUNTIME_DIR=" + squatted}, "no `smsession dev` is running"},
		{"others can write the file", []string{"XDG_RUNTIME_DIR=" + open}, "is not private"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			x := text(t, row.settings, "", "hi")
			if x.status != 1 || !strings.Contains(x.stderr, row.want) || strings.Contains(x.stderr, "\n") ||
				x.stdout != "" || strings.Contains(x.stderr, "S3cr3t") {
				t.Errorf("exit status %d: %s%s", x.status, x.stdout, x.stderr)
			}
		})
	}
	for len(squatter.requests) > 0 {
		if req := squatter.next(t); req.Method == http.MethodPost {
			t.Errorf("a message was sent to %s", req.URL)
		}
	}
}

// TestPhoneErrors puts a secret in every position of a command line in which one may be by mistake. Nothing may be
// sent.
func TestPhoneErrors(t *testing.T) {
	w := startWebhook(t, twiml("welcome"))
	there := "--url=" + w.URL
	rows := []struct {
		name, want string
		args       []string
	}{
		{"an unknown command", "text 2 cannot be sent: there is no such command", []string{there, "hi", "/S3cr3t"}},
		{"a burst of too many messages", "text 2 cannot be sent: /burst takes", []string{there, "hi", "/burst 1000 S3cr3t"}},
		{"an invalid URL", "--url", []string{"--url=S3cr3t", "hi"}},
		{"a URL of another scheme", "--url", []string{"--url=ftp://user:S3cr3t@host/", "hi"}},
		{"a URL that net/url would quote", "--url", []string{"--url=http://user:S3cr3t%@host/", "hi"}},
		{"a URL without a host", "--url", []string{"--url=http:///S3cr3t", "hi"}},
		{"an invalid public URL", "--public-url", []string{there, "--public-url=S3cr3t", "hi"}},
		{"an invalid fallback URL", "--fallback-url", []string{there, "--fallback-url=S3cr3t", "hi"}},
		{"an invalid public fallback URL", "--public-fallback-url", []string{there, "--fallback-url=" + w.URL, "--public-fallback-url=S3cr3t", "hi"}},
		{"a public fallback URL without a fallback URL", "--public-fallback-url needs --fallback-url",
			[]string{there, "--public-fallback-url=https://S3cr3t", "hi"}},
		{"an unknown connection override", "--url", []string{there + "#S3cr3t=1", "hi"}},
		{"no sender", "--from is empty; see smsession phone --help", []string{there, "--from=", "hi"}},
		{"no receiver", "--to is empty", []string{there, "--to=", "hi"}},
		{"a number with a letter", "--from must be a phone number such as +12025550143; see smsession phone --help", []string{there, "--from=+1S3cr3t", "hi"}},
		{"a WhatsApp number with a letter", "the recipient's number has a +", []string{there, "--to=whatsapp:+1S3cr3t", "hi"}},
		{"an invalid token", "--auth-token (or TWILIO_AUTH_TOKEN): token 1 of 1 has a quotation mark", []string{there, "--auth-token='S3cr3t'", "hi"}},
		{"the token of another account", "has no token for the account of --account-sid", []string{there, "--account-sid=AC00000000000000000000000000000001",
			"--auth-token=AC00000000000000000000000000000002:S3cr3t", "hi"}},
		{"an invalid share", "--lose-cookies must be a number", []string{there, "--lose-cookies=S3cr3t", "hi"}},
		{"a share above 1", "--lose-cookies must be a share from 0 to 1", []string{there, "--lose-cookies=1.5", "hi"}},
		{"a share that is NaN", "--lose-cookies must be a share from 0 to 1", []string{there, "--lose-cookies=NaN", "hi"}},
		{"a public URL without a URL", "--public-url needs --url", []string{"--public-url=https://S3cr3t", "hi"}},
		{"a fallback URL without a URL", "--fallback-url needs --url", []string{"--fallback-url=https://S3cr3t", "hi"}},
		{"a public fallback URL without a URL", "--public-fallback-url needs --url", []string{"--public-fallback-url=https://S3cr3t", "hi"}},
		{"a token without a URL", "--auth-token needs --url", []string{"--auth-token=S3cr3t", "hi"}},
		{"an account without a URL", "--account-sid needs --url", []string{"--account-sid=S3cr3t", "hi"}},
		{"an unknown flag", "a flag is unknown", []string{there, "--S3cr3t", "hi"}},
		{"a text that begins with a dash", "a flag is unknown", []string{there, "-S3cr3t"}},
		{"a flag that takes no value", "--json takes no value", []string{there, "--json=S3cr3t", "hi"}},
		{"a flag without its value", "--from needs a value", []string{there, "--from"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			x := text(t, []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "", row.args...)
			if x.status != 2 || !strings.Contains(x.stderr, row.want) || strings.Contains(x.stderr, "\n") ||
				x.stdout != "" {
				t.Errorf("exit status %d: %s%s", x.status, x.stdout, x.stderr)
			}
			if strings.Contains(strings.ToLower(x.stderr), "s3cr3t") ||
				strings.Contains(x.stderr, webhooktest.AuthToken) {
				t.Errorf("the secret is in %q", x.stderr)
			}
			if len(w.requests) > 0 {
				t.Error("a request was sent")
			}
		})
	}
}

// TestPhoneIntoAClosedPipe closes the pipe before the first reply.
func TestPhoneIntoAClosedPipe(t *testing.T) {
	w := startWebhook(t, twiml("welcome"))
	for _, flag := range []string{"--verbose", "--json"} {
		r, pipe, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr strings.Builder
		cmd := phoneCommand(t, []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "--url="+w.URL, flag, "one",
			"two", "three")
		cmd.Stdout, cmd.Stderr = pipe, &stderr
		r.Close()
		err = cmd.Run()
		pipe.Close()
		if err != nil || stderr.String() != "" {
			t.Errorf("%s: %v: %s", flag, err, stderr.String())
		}
	}
}

// TestPhoneInterrupted sends SIGINT while the phone waits for the webhook, and while it waits for a line.
func TestPhoneInterrupted(t *testing.T) {
	waiting, done := make(chan bool, 1), make(chan bool)
	w := startWebhook(t, func(res http.ResponseWriter, req *http.Request) {
		if req.PostForm.Get("Body") == "wait" {
			waiting <- true
			<-done
		}
		twiml("welcome")(res, req)
	})
	defer close(done)
	rows := []struct {
		name, line string
		until      func(stdout *bufio.Reader)
	}{
		{"the webhook", "wait", func(*bufio.Reader) { <-waiting }},
		{"a line", "hi", func(stdout *bufio.Reader) { _, _ = stdout.ReadString('<') }},
	}
	for _, row := range rows {
		t.Run("while it waits for "+row.name, func(t *testing.T) {
			var stderr strings.Builder
			cmd := phoneCommand(t, []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "--url="+w.URL)
			cmd.Stderr = &stderr
			input, err1 := cmd.StdinPipe()
			output, err2 := cmd.StdoutPipe()
			if err := errors.Join(err1, err2, cmd.Start()); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(input, row.line)
			stdout := bufio.NewReader(output)
			row.until(stdout)
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop() // it may wait forever
			rest, _ := io.ReadAll(stdout)
			_ = cmd.Wait()
			if cmd.ProcessState.ExitCode() != 1 || stderr.String() != "smsession: interrupted\n" ||
				strings.Contains(string(rest), "! ") {
				t.Errorf("%v: %s%s", cmd.ProcessState, rest, stderr.String())
			}
		})
	}
}
