package systemtest

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smsession/internal/webhooktest"
)

// texted is the result of `smsession phone`.
type texted struct{ result }

// lines returns the lines of stdout with a prefix, without the prefix.
func (x texted) lines(prefix string) []string {
	var lines []string
	for line := range strings.Lines(x.stdout) {
		if text, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), prefix); found {
			lines = append(lines, text)
		}
	}
	return lines
}

// phoneCommand returns a `smsession phone` that is not started yet.
func phoneCommand(tb testing.TB, settings []string, args ...string) *exec.Cmd {
	tb.Helper()
	return command(tb, append([]string{"phone"}, args...), append([]string{"TMPDIR=" + tb.TempDir()}, settings...)...)
}

// text runs `smsession phone` with an input.
func text(tb testing.TB, settings []string, input string, args ...string) texted {
	tb.Helper()
	cmd := phoneCommand(tb, settings, args...)
	cmd.Stdin = strings.NewReader(input)
	return texted{executeCommand(tb, cmd)}
}

// runtimeOf returns the setting with which other commands find a `smsession dev`.
func runtimeOf(d *devProcess) []string {
	return []string{"XDG_RUNTIME_DIR=" + filepath.Dir(filepath.Dir(d.path))}
}

// greetings returns the tutorial's replies from the first to the last message.
func greetings(first, last int) []string {
	var all []string
	for n := first; n <= last; n++ {
		all = append(all, webhooktest.Greeting(n))
	}
	return all
}

// TestPhoneFindsDev sends from a new number in each row.
func TestPhoneFindsDev(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=")
	const noReply = "* no reply"
	rows := []struct {
		name   string
		args   []string
		want   []string // the replies
		status int
	}{
		{"a text", []string{"hi"}, greetings(1, 1), 0},
		{"two texts of one conversation", []string{"hi", "hi again"}, greetings(1, 2), 0},
		{"the same message again gets the same reply", []string{"one", "two", "/again", "three"}, []string{webhooktest.Greeting(1), webhooktest.Greeting(2), webhooktest.Greeting(2), webhooktest.Greeting(3)}, 0},
		{"a lost cookie does not end the conversation", []string{"one", "/lose", "two"}, greetings(1, 2), 0},
		{"after four hours, a new conversation begins", []string{"one", "two", "/skip", "three"}, []string{webhooktest.Greeting(1), webhooktest.Greeting(2), webhooktest.Greeting(1)}, 0},
		{"after less time, the conversation continues", []string{"one", "/skip 3h", "two", "/skip 3h", "three"}, greetings(1, 3), 0},
		{"hours without a message add up", []string{"one", "/skip 3h", "/skip 61m", "two"}, []string{webhooktest.Greeting(1), webhooktest.Greeting(1)}, 0},
		{"a picture is a message", []string{"one", "/mms", "/mms look"}, greetings(1, 3), 0},
		{"STOP gets only Twilio's reply and ends the conversation", []string{"one", "two", "/stop", "START", "three"}, []string{webhooktest.Greeting(1), webhooktest.Greeting(2),
			"from Twilio: " + unsubscribed, "from Twilio: " + resubscribed, webhooktest.Greeting(1)}, 0},
		{"a wrong signature is refused and not counted", []string{"one", "/forge two", "three"}, greetings(1, 2), 1},
		{"the conversation continues if all cookies are lost", []string{"--lose-cookies=1", "one", "two"}, greetings(1, 2), 0},
		{"the conversation continues with a browser's rules for cookies", []string{"--strict-cookies", "--single-cookie", "--cookies-since-set", "one", "two"}, greetings(1, 2), 0},
		{"another number is another conversation", []string{"--to=+15005550009", "one"}, greetings(1, 1), 0},
		{"WhatsApp is another conversation", []string{"--from=whatsapp:+12025550143", "--to=whatsapp:+15005550006", "one", "/skip 3h", "two", "/skip", "three"},
			[]string{webhooktest.Greeting(1), webhooktest.Greeting(2), webhooktest.Greeting(1)}, 0},
		{"a text after two dashes may begin with a dash", []string{"--", "-hi"}, greetings(1, 1), 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			x := text(t, runtimeOf(d), "", append([]string{"--from=" + newSender(t).From}, row.args...)...)
			if got := x.lines("< "); !slices.Equal(got, row.want) || x.status != row.status {
				t.Errorf("exit status %d, replies %q, want %q:\n%s%s", x.status, got, row.want, x.stdout, x.stderr)
			}
			if shown := strings.Contains(x.stdout, noReply); shown != (row.status == 1) {
				t.Errorf("%q is shown: %t\n%s", noReply, shown, x.stdout)
			}
			if row.status == 0 && (x.stderr != "" || len(x.lines("! ")) > 0) {
				t.Errorf("it reports an error:\n%s%s", x.stdout, x.stderr)
			}
			if strings.Contains(x.stdout+x.stderr, d.file.AuthToken) {
				t.Errorf("the auth token is in\n%s%s", x.stdout, x.stderr)
			}
		})
	}
}

// TestPhoneHasOptOutOfDev has a dev for accounts with other settings for opt-out words.
func TestPhoneHasOptOutOfDev(t *testing.T) {
	for mode, want := range map[string][]string{
		"advanced": {webhooktest.Greeting(1), "from Twilio: " + unsubscribed, "from Twilio: " + resubscribed,
			webhooktest.Greeting(1)},
		"off": greetings(1, 4),
	} {
		d := startDev(t, "PORT=0", "ADMIN_ADDR=", "OPT_OUT="+mode)
		x := text(t, runtimeOf(d), "", "one", "STOP", "START", "two")
		if got := x.lines("< "); !slices.Equal(got, want) || x.status != 0 {
			t.Errorf("%s: exit status %d:\n%s%s", mode, x.status, x.stdout, x.stderr)
		}
		d.kill() // so that the next one can be found
	}
}

// TestPhoneWhatsApp checks that both numbers belong to WhatsApp. Twilio sends no message between WhatsApp and other
// numbers.
func TestPhoneWhatsApp(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=")
	for _, args := range [][]string{
		{"--from=whatsapp:+12025550143"},
		{"--from=whatsapp:+12025550143", "--to=+15005550006"},
		{"--to=whatsapp:+15005550006"},
	} {
		x := text(t, runtimeOf(d), "", append(args, "--json", "hi")...)
		if want := `"from":"whatsapp:+15005550006","to":"whatsapp:+12025550143"`; !strings.Contains(x.stdout, want) ||
			x.status != 0 {
			t.Errorf("%q: exit status %d, no %s in\n%s%s", args, x.status, want, x.stdout, x.stderr)
		}
	}
}

func TestPhoneTranscript(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=")
	x := text(t, runtimeOf(d), "", "hi", "hi again", "/again")
	want := "> hi\n< Hello, thanks for the new message.\n> hi again\n< Hello, thanks for message number 2\n" +
		"> /again\n< Hello, thanks for message number 2\n"
	if x.stdout != want || x.stderr != "" || x.status != 0 {
		t.Errorf("exit status %d:\n%s%s\nwant\n%s", x.status, x.stdout, x.stderr, want)
	}
}

func TestPhoneBurst(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=")
	x := text(t, runtimeOf(d), "", "first", "/burst 5", "last")
	got := x.lines("< ")
	slices.Sort(got[1 : len(got)-1])
	if want := greetings(1, 7); !slices.Equal(got, want) || x.status != 0 {
		t.Errorf("exit status %d, replies %q, want %q", x.status, got, want)
	}
}

func TestPhoneReadsLines(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=")
	rows := []struct {
		name, input string
		want        []string
		status      int
		stderr      string
	}{
		{"line by line", "hi\nhi again\n/again\n", []string{webhooktest.Greeting(1), webhooktest.Greeting(2), webhooktest.Greeting(2)}, 0, ""},
		{"a last line without a newline", "hi\r\n\r\nhi again", greetings(1, 2), 0, ""},
		{"until /quit", "hi\n/quit\nhi again\n", greetings(1, 1), 0, ""},
		{"no line", "", nil, 0, ""},
		{"the lines after a wrong one are sent", "hi\n/agian\nhi again\n", greetings(1, 2), 2, "1 of the lines could not be carried out"},
		{"a refused message is reported", "hi\n/forge hi\nhi again\n", greetings(1, 2), 1, "1 of 3 messages failed"},
		{"a wrong line is reported before a refused message", "/forge hi\n/agian\n", nil, 2, "could not be carried out"},
		{"a line that is too long is an error", strings.Repeat("long ", 20_000) + "\nhi\n", nil, 1, "read the lines to send"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			x := text(t, runtimeOf(d), row.input, "--from="+newSender(t).From)
			if got := x.lines("< "); !slices.Equal(got, row.want) || x.status != row.status ||
				!strings.Contains(x.stderr, row.stderr) {
				t.Errorf("exit status %d, replies %q, want %q:\n%s%s", x.status, got, row.want, x.stdout, x.stderr)
			}
		})
	}
}

// TestPhoneJSON reads the objects as a script does.
func TestPhoneJSON(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=")
	x := text(t, runtimeOf(d), "", "--json", "--verbose", "hi", "/lose", "/forge hi", "/again", "/cookies")
	if x.status != 1 || strings.Contains(x.stdout+x.stderr, d.file.AuthToken) {
		t.Errorf("exit status %d:\n%s%s", x.status, x.stdout, x.stderr)
	}
	type object struct {
		OK        bool
		Message   struct{ SID, Body string }
		Exchanges []struct {
			Status      int
			RequestBody string `json:"request_body"`
		}
		Replies  []struct{ Body string }
		Findings []struct{ Code int }
		Cookie   string
	}
	var got []object
	for line := range strings.Lines(x.stdout) {
		var o object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		got = append(got, o)
	}
	if len(got) != 3 {
		t.Fatalf("%d objects:\n%s", len(got), x.stdout)
	}
	hi, forged, again := got[0], got[1], got[2]
	if !hi.OK || hi.Message.Body != "hi" || hi.Replies[0].Body != webhooktest.Greeting(1) || hi.Cookie != "new" ||
		len(hi.Findings) > 0 ||
		hi.Exchanges[0].Status != 200 || !strings.Contains(hi.Exchanges[0].RequestBody, "Body=hi") {
		t.Errorf("the first object is %+v", hi)
	}
	if forged.OK || forged.Exchanges[0].Status != 403 || forged.Findings[0].Code != 11217 || len(forged.Replies) > 0 {
		t.Errorf("the object of the forged message is %+v", forged)
	}
	if !again.OK || again.Message.SID != hi.Message.SID || again.Replies[0].Body != webhooktest.Greeting(1) {
		t.Errorf("the object of the repeat is %+v", again)
	}
}

func TestPhoneForDevIgnoresEnvironment(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=")
	settings := append(runtimeOf(d), "TWILIO_AUTH_TOKEN=of-another-account",
		"TWILIO_ACCOUNT_SID=AC00000000000000000000000000000009",
		"PUBLIC_URL=https://elsewhere.example.com")
	if x := text(t, settings, "", "hi"); x.status != 0 || !slices.Equal(x.lines("< "), greetings(1, 1)) {
		t.Errorf("exit status %d:\n%s%s", x.status, x.stdout, x.stderr)
	}
}

func TestPhoneSignsForDevsPublicURL(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=", "PUBLIC_URL=https://sms.example.com", "REDIS_PREFIX=text/")
	x := text(t, runtimeOf(d), "", "--verbose", "hi", "/skip 4h", "hi")
	if got := x.lines("< "); x.status != 0 ||
		!slices.Equal(got, []string{webhooktest.Greeting(1), webhooktest.Greeting(1)}) {
		t.Errorf("exit status %d:\n%s%s", x.status, x.stdout, x.stderr)
	}
	for _, want := range []string{"POST https://sms.example.com/sms at " + d.url + "/sms, SM", ", 1 GSM-7 segment\n",
		"<-- ", " 200 after ", ", cookie new, 1 GSM-7 segment\n"} {
		if !strings.Contains(x.stdout, want) {
			t.Errorf("%q is not in\n%s", want, x.stdout)
		}
	}
}
