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

// webhookOf is somebody else's webhook. It notes what it was sent, and whether that was signed for a URL.
type webhookOf struct {
	*httptest.Server
	requests chan *http.Request
}

func startWebhook(tb testing.TB, answer http.HandlerFunc) webhookOf {
	tb.Helper()
	w := webhookOf{requests: make(chan *http.Request, 100)}
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

func (w webhookOf) next(tb testing.TB) *http.Request {
	tb.Helper()
	select {
	case req := <-w.requests:
		return req
	default:
		tb.Fatal("nothing more was sent")
		return nil
	}
}

// signedFor reports whether a request is signed for a URL with the suite's token.
func signedFor(req *http.Request, url string) bool {
	return req.Header.Get("X-Twilio-Signature") == webhooktest.Sign(webhooktest.AuthToken, url, req.PostForm)
}

func twiml(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, "<Response><Message>%s</Message></Response>", text)
	}
}

func TestPhoneTextsAnyWebhook(t *testing.T) {
	w := startWebhook(t, twiml("welcome"))
	settings := []string{"TWILIO_AUTH_TOKEN= " + webhooktest.AuthToken + " ,67890", "TWILIO_ACCOUNT_SID=AC00000000000000000000000000000009"}
	x := text(t, settings, "", "--url="+w.URL+"/text?a=b", "--from=+14158675309", "--to=+18005551212",
		"--messaging-service-sid=MG00000000000000000000000000000001", "hi", "/skip")
	if x.status != 0 || !slices.Equal(x.lines("< "), []string{"welcome"}) || !strings.Contains(x.stdout, "but not on the other side") {
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
		x := text(t, nil, "", "--url="+w.URL+"/sms", "--auth-token="+webhooktest.AuthToken, "--public-url=https://sms.example.com/hooks/sms", "--fallback-url="+fallback, "hi")
		if x.status != 1 || !slices.Equal(x.lines("< "), []string{"sorry"}) || !strings.Contains(x.stdout, "! 11217 ") {
			t.Fatalf("%s: exit status %d:\n%s%s", fallback, x.status, x.stdout, x.stderr)
		}
		first, second := w.next(t), w.next(t)
		if !signedFor(first, "https://sms.example.com/hooks/sms") || !signedFor(second, "https://sms.example.com/hooks/sorry") ||
			second.URL.Path != "/sorry" || second.PostForm.Get("MessageSid") != first.PostForm.Get("MessageSid") {
			t.Errorf("%s: the fallback got %s %v", fallback, second.URL, second.PostForm)
		}
	}
}

func TestPhoneSendsPicturesAndStop(t *testing.T) {
	w := startWebhook(t, func(res http.ResponseWriter, _ *http.Request) {
		res.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(res, "<Response><Message><Media>https://example.com/a.png</Media></Message></Response>")
	})
	x := text(t, []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "", "--url="+w.URL, "/mms https://example.com/b.gif look", "/stop")
	if x.status != 0 || !slices.Equal(x.lines("< "), []string{"https://example.com/a.png", "https://example.com/a.png"}) {
		t.Errorf("exit status %d:\n%s%s", x.status, x.stdout, x.stderr)
	}
	if form := w.next(t).PostForm; form.Get("NumMedia") != "1" || form.Get("MediaUrl0") != "https://example.com/b.gif" ||
		form.Get("MediaContentType0") != "image/gif" || form.Get("Body") != "look" {
		t.Errorf("the picture came as %v", form)
	}
	if form := w.next(t).PostForm; form.Get("Body") != "STOP" {
		t.Errorf("STOP came as %v", form)
	}
}

// TestPhoneKeepsAHostileWebhookFromTheTerminal answers with what would clear a screen, in every place that is shown.
func TestPhoneKeepsAHostileWebhookFromTheTerminal(t *testing.T) {
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
		x := text(t, []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "", "--url="+w.URL, flag, "text", "redirect")
		if x.status != 1 || strings.ContainsAny(x.stdout+x.stderr, "\x1b\u009b\u202e") || !strings.Contains(x.stdout, `[2J\u202e`) {
			t.Errorf("%s: exit status %d: %q", flag, x.status, x.stdout+x.stderr)
		}
	}
}

func TestPhoneSaysThatNoDevIsRunning(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=")
	d.kill() // its file stays behind
	squatted := t.TempDir()
	squatter := startWebhook(t, twiml("welcome"))
	open := t.TempDir()
	err := errors.Join(os.Mkdir(filepath.Join(squatted, "smsession"), 0o700), os.Mkdir(filepath.Join(open, "smsession"), 0o700),
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
		{"where none ever ran", []string{"XDG_RUNTIME_DIR=" + t.TempDir()}, "no `smsession dev` is running"},
		{"where one was killed", runtimeOf(d), "no `smsession dev` is running"},
		{"where somebody else has its port", []string{"XDG_RUNTIME_DIR=" + squatted}, "no `smsession dev` is running"},
		{"where others may write", []string{"XDG_RUNTIME_DIR=" + open}, "is not only ours"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			x := text(t, row.settings, "", "hi")
			if x.status != 1 || !strings.Contains(x.stderr, row.want) || strings.Contains(x.stderr, "\n") || x.stdout != "" || strings.Contains(x.stderr, "S3cr3t") {
				t.Errorf("exit status %d: %s%s", x.status, x.stdout, x.stderr)
			}
		})
	}
	for len(squatter.requests) > 0 {
		if req := squatter.next(t); req.Method == http.MethodPost {
			t.Errorf("a message went to %s", req.URL)
		}
	}
}

// TestAWrongPhoneSendsNothing gives a secret in every place where one may land by mistake.
func TestAWrongPhoneSendsNothing(t *testing.T) {
	w := startWebhook(t, twiml("welcome"))
	there := "--url=" + w.URL
	rows := []struct {
		name, want string
		args       []string
	}{
		{"a command that there is not", "text 2 cannot be sent: there is no such command", []string{there, "hi", "/S3cr3t"}},
		{"a burst of too many", "text 2 cannot be sent: /burst takes", []string{there, "hi", "/burst 1000 S3cr3t"}},
		{"a URL that is none", "--url", []string{"--url=S3cr3t", "hi"}},
		{"a URL of another scheme", "--url", []string{"--url=ftp://user:S3cr3t@host/", "hi"}},
		{"a URL that net/url would quote", "--url", []string{"--url=http://user:S3cr3t%@host/", "hi"}},
		{"a URL without a host", "--url", []string{"--url=http:///S3cr3t", "hi"}},
		{"a public URL that is none", "--public-url", []string{there, "--public-url=S3cr3t", "hi"}},
		{"a fallback URL that is none", "--fallback-url", []string{there, "--fallback-url=S3cr3t", "hi"}},
		{"an override that there is not", "--url", []string{there + "#S3cr3t=1", "hi"}},
		{"no number", "the sender's number is missing", []string{there, "--from=", "hi"}},
		{"no number to text", "the number that is texted is missing", []string{there, "--to=", "hi"}},
		{"a number that is more than digits", "the sender's number has a + that is not followed by 1 to 20 digits only", []string{there, "--from=+1S3cr3t", "hi"}},
		{"a WhatsApp number that is more than digits", "the number that is texted has a +", []string{there, "--to=whatsapp:+1S3cr3t", "hi"}},
		{"a token that can sign nothing", "--auth-token (or TWILIO_AUTH_TOKEN): token 1 of 1 has a quotation mark", []string{there, "--auth-token='S3cr3t'", "hi"}},
		{"another account's token", "has no token for the account of --account-sid", []string{there, "--account-sid=AC00000000000000000000000000000001",
			"--auth-token=AC00000000000000000000000000000002:S3cr3t", "hi"}},
		{"a share that is none", "--lose-cookies must be a number", []string{there, "--lose-cookies=S3cr3t", "hi"}},
		{"a share above one", "--lose-cookies must be a share from 0 to 1", []string{there, "--lose-cookies=1.5", "hi"}},
		{"a share that is no number", "--lose-cookies must be a share from 0 to 1", []string{there, "--lose-cookies=NaN", "hi"}},
		{"a public URL of nothing", "--public-url needs --url", []string{"--public-url=https://S3cr3t", "hi"}},
		{"a fallback URL of nothing", "--fallback-url needs --url", []string{"--fallback-url=https://S3cr3t", "hi"}},
		{"a token of nothing", "--auth-token needs --url", []string{"--auth-token=S3cr3t", "hi"}},
		{"an account of nothing", "--account-sid needs --url", []string{"--account-sid=S3cr3t", "hi"}},
		{"an unknown flag", "a flag is unknown", []string{there, "--S3cr3t", "hi"}},
		{"a text with a dash", "a flag is unknown", []string{there, "-S3cr3t"}},
		{"a flag with a value that takes none", "--json takes no value", []string{there, "--json=S3cr3t", "hi"}},
		{"a flag without its value", "--from needs a value", []string{there, "--from"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			x := text(t, []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "", row.args...)
			if x.status != 2 || !strings.Contains(x.stderr, row.want) || strings.Contains(x.stderr, "\n") || x.stdout != "" {
				t.Errorf("exit status %d: %s%s", x.status, x.stdout, x.stderr)
			}
			if strings.Contains(strings.ToLower(x.stderr), "s3cr3t") || strings.Contains(x.stderr, webhooktest.AuthToken) {
				t.Errorf("the secret is in %q", x.stderr)
			}
			if len(w.requests) > 0 {
				t.Error("something was sent")
			}
		})
	}
	t.Run("no token", func(t *testing.T) {
		for _, token := range []string{"", "TWILIO_AUTH_TOKEN=", "TWILIO_AUTH_TOKEN= , S3cr3t"} {
			x := text(t, []string{token}, "", there, "hi")
			if x.status != 2 || !strings.Contains(x.stderr, "--auth-token (or TWILIO_AUTH_TOKEN) is missing") || strings.Contains(x.stderr, "S3cr3t") {
				t.Errorf("%q: exit status %d: %s", token, x.status, x.stderr)
			}
		}
	})
}

// TestPhoneEndsQuietlyWhenNobodyReads closes the pipe before the first reply.
func TestPhoneEndsQuietlyWhenNobodyReads(t *testing.T) {
	w := startWebhook(t, twiml("welcome"))
	for _, flag := range []string{"--verbose", "--json"} {
		r, pipe, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr strings.Builder
		cmd := phoneCommand(t, []string{"TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken}, "--url="+w.URL, flag, "one", "two", "three")
		cmd.Stdout, cmd.Stderr = pipe, &stderr
		r.Close()
		err = cmd.Run()
		pipe.Close()
		if err != nil || stderr.String() != "" {
			t.Errorf("%s: %v: %s", flag, err, stderr.String())
		}
	}
}

// TestPhoneCanBeInterrupted stops it while the webhook thinks, and while it waits for a line.
func TestPhoneCanBeInterrupted(t *testing.T) {
	thinking, done := make(chan bool, 1), make(chan bool)
	w := startWebhook(t, func(res http.ResponseWriter, req *http.Request) {
		if req.PostForm.Get("Body") == "think" {
			thinking <- true
			<-done
		}
		twiml("welcome")(res, req)
	})
	defer close(done)
	rows := []struct {
		name, line string
		until      func(stdout *bufio.Reader)
	}{
		{"the webhook", "think", func(*bufio.Reader) { <-thinking }},
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
			time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() }) // it would wait for ever
			rest, _ := io.ReadAll(stdout)
			_ = cmd.Wait()
			if cmd.ProcessState.ExitCode() != 1 || stderr.String() != "smsession: interrupted\n" || strings.Contains(string(rest), "! ") {
				t.Errorf("%v: %s%s", cmd.ProcessState, rest, stderr.String())
			}
		})
	}
}
