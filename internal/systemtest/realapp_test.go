package systemtest

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smsession/internal/processtest"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// appSecret is the secret of the apps that speak JSON, in the form of Standard Webhooks.
const appSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// jsonSettings are the settings of a service whose app speaks JSON.
var jsonSettings = []string{"APP_PROTOCOL=json", "APP_SECRET=" + appSecret}

// realApp is a process of an app in a framework that teams use, for the service to call.
type realApp struct {
	*process
	name     string // the key in appCommands
	settings []string
	port     int
	url      string // of its webhook
	ledger   string // the file to which it appends the MessageSid of each call
}

// appCommands are the command lines of the apps, without their port. They are paths below the root of the repository.
// Each app gets its port in the environment. %d stands for the port where a program takes it as an argument.
var appCommands = map[string][]string{
	"Flask":           {"/usr/bin/python3", "-B", testApps + "flask_cookie.py"},
	"Sinatra":         {"ruby", testApps + "sinatra.rb"},
	"cookie-session":  {"node", testApps + "express.js"},
	"express-session": {"node", testApps + "express.js"},
	"PHP":             {"php", "-S", "127.0.0.1:%d", testApps + "session.php"},
	"JSON in Node":    {"node", testApps + "standardwebhooks.js"},

	"survey.py":  {"/usr/bin/python3", "-B", "-m", "flask", "--app", "deploy/examples/survey.py", "run", "--port", "%d"},
	"survey.js":  {"node", "deploy/examples/survey.js"},
	"survey.go":  {"{survey}"},
	"counter.rb": {"ruby", "deploy/examples/counter.rb", "-p", "%d"},
}

const testApps = "internal/systemtest/testdata/apps/"

// startApp starts an app on a free port and waits until it accepts connections. It is killed when the test ends. The
// settings are NAME=value.
func startApp(tb testing.TB, name string, settings ...string) *realApp {
	tb.Helper()
	port := redistest.ReservePort(tb)
	a := &realApp{
		name: name, port: port, url: fmt.Sprintf("http://127.0.0.1:%d/sms", port),
		ledger: filepath.Join(tb.TempDir(), "ledger"),
	}
	a.settings = append([]string{
		fmt.Sprint("PORT=", port), "LEDGER=" + a.ledger, "HOME=" + tb.TempDir(),
		"NODE_PATH=" + absolute(tb, "../../bin/npm/node_modules"), "APP_ENV=production",
		"SECRET_KEY=" + strings.Repeat("a secret", 8), "TWILIO_AUTH_TOKEN=" + webhooktest.AuthToken,
		"APP_SECRET=" + appSecret, "SESSION=" + name, "VERIFY=called",
	}, settings...)
	a.start(tb)
	return a
}

// start starts the process on the app's port. It may have been killed before.
func (a *realApp) start(tb testing.TB) {
	tb.Helper()
	cmd := appCommand(tb, a.name, a.port)
	cmd.Dir = "../.."
	cmd.Env = append(cmd.Env, a.settings...)
	a.process = startCommand(tb, cmd)
	webhooktest.WaitNoError(tb, a.name+" to listen", func() error {
		select {
		case <-a.exited:
			tb.Fatalf("%s has exited:\n%s", a.name, a.stderr())
		default:
		}
		conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", a.port))
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// appCommand returns the command of an app that listens on a port.
func appCommand(tb testing.TB, name string, port int) *exec.Cmd {
	tb.Helper()
	var args []string
	for _, arg := range appCommands[name] {
		switch arg {
		case "{survey}":
			arg = built(tb, surveyProgram)
		case "%d", "127.0.0.1:%d":
			arg = fmt.Sprintf(arg, port)
		}
		args = append(args, arg)
	}
	return processtest.Command(args[0], args[1:])
}

// absolute returns the absolute path of a file.
func absolute(tb testing.TB, path string) string {
	tb.Helper()
	full, err := filepath.Abs(path)
	if err != nil {
		tb.Fatal(err)
	}
	return full
}
