package load

import (
	"bufio"
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"smsession/internal/phone"
)

// flask starts the server of testdata/flask in another process, and returns the URL of its webhook.
func flask(t *testing.T) string {
	t.Helper()
	var stderr bytes.Buffer
	server := exec.Command(python(t), "testdata/flask/app.py")
	server.Stderr = &stderr
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	port, err := bufio.NewReader(stdout).ReadString('\n') // it prints the port when it listens
	stop := func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}
	if err != nil {
		stop()
		t.Fatalf("the server did not start: %v\n%s", err, &stderr)
	}
	t.Cleanup(stop)
	return "http://127.0.0.1:" + strings.TrimSpace(port) + "/sms"
}

// python returns a Python interpreter that has Flask. It prefers /usr/bin/python3, because a system package can install
// Flask for it.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(name, "-c", "import flask").Run() == nil {
			return name
		}
	}
	t.Fatal("no python3 on this host has Flask: run deploy/test/setup.sh flask")
	return ""
}

// testdata/flask is the server of Twilio's tutorial in Python. It counts correctly if the messages do not overlap. Each
// fault of a load reveals one of its defects.
func TestTheTutorialsServer(t *testing.T) {
	url := flask(t)
	network := new(phone.Network)
	t.Cleanup(network.Close)
	plain := Options{
		Conversations: 5, InFlight: 10, Messages: 200, Burst: 1, Expect: expects(ExpectCount),
		Phone: func(from string) (Sender, error) {
			return phone.New(phone.Options{
				From: from, To: "+15005550006", AuthToken: "12345", Network: network, Webhook: phone.Endpoint{URL: url},
			})
		},
	}
	rows := []struct {
		name string
		with func(o *Options)
		want []Kind
	}{
		{"messages that do not overlap are counted correctly", func(*Options) {}, nil},
		{"a burst loses updates", func(o *Options) { o.Burst = 5 }, []Kind{LostUpdate}},
		{"a race of first messages forks the session",
			func(o *Options) { o.Burst, o.FirstRace = 5, 1 }, []Kind{ForkedSession}},
		{"a repeat is counted again", func(o *Options) { o.Resend = 0.2 }, []Kind{CountedTwice}},
		{"a lost cookie begins another session", func(o *Options) { o.LoseCookies = 0.1 }, []Kind{ForkedSession}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			o := plain
			row.with(&o)
			report, err := Run(t.Context(), o)
			if err != nil || report.Failed > 0 {
				t.Fatalf("%v, %+v", err, report)
			}
			if report.Proof.Holds != (row.want == nil) {
				t.Errorf("%s", report.Proof.Sentence)
			}
			for _, kind := range row.want {
				if report.Proof.Found[kind] == 0 {
					t.Errorf("no %s: %s", kind, report.Proof.Sentence)
				}
			}
			t.Log(report.Proof.Sentence)
		})
	}
}
