package systemtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"smsession/internal/chaostest/control"
	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// loadReport is the output of `smsession load --json`, with the fields that the tests use.
type loadReport struct {
	Interrupted       bool
	MessagesPerSecond float64 `json:"messages_per_second"`

	Asked struct {
		Conversations, Messages, Bursts int
		RepeatsAtOnce                   int `json:"repeats_at_once"`
		RepeatsLater                    int `json:"repeats_later"`
		CookiesLost                     int `json:"cookies_lost"`
		FirstRaces                      int `json:"first_races"`
	}
	Errors []struct {
		Code, Count   int
		Name, Example string
		Excerpt       []string
	}
	Proof struct {
		Holds   bool
		Counted int
		Found   map[string]int

		Violations []struct{ Text string }
	}
}

// loadJSON runs `smsession load --json` against a webhook with the public URL of the tests.
func loadJSON(tb testing.TB, url string, args ...string) (report loadReport, status int) {
	tb.Helper()
	args = append([]string{"load", "--json", "--url", url + "/sms", "--public-url", webhooktest.PublicURL + "/sms"},
		args...)
	r := execute(tb, args, "TWILIO_AUTH_TOKEN="+webhooktest.AuthToken)
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		tb.Fatalf("exit status %d, %v: %q\n%s", r.status, err, r.stdout, r.stderr)
	}
	if strings.Contains(r.stdout+r.stderr, webhooktest.AuthToken) {
		tb.Errorf("the token is in %s%s", r.stdout, r.stderr)
	}
	return report, r.status
}

// everything has the flags of a load with all kinds of faults. It has few conversations, so that they are long.
var everything = []string{"--conversations", "50", "--messages", "2000", "--burst", "5", "--first-race", "0.5",
	"--resend", "0.1", "--lose-cookies", "0.05", "--expect", "count"}

// startSpreader starts a proxy that forwards requests to one server of a fleet after the other. It does not ask whether
// they are ready, because plain servers do not answer that.
func startSpreader(tb testing.TB, f *fleet) (url string) {
	tb.Helper()
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			target, _ := neturl.Parse(f.next()) // a valid URL
			r.SetURL(target)
		},
		Transport: newSender(tb).Client.Transport,
	})
	tb.Cleanup(proxy.Close)
	return proxy.URL
}

func TestLoadProof(t *testing.T) {
	f := startFleet(t, redistest.Start(t, redistest.Options{}))
	report, status := loadJSON(t, startSpreader(t, f), everything...)
	a := report.Asked
	if status != 0 || !report.Proof.Holds || report.Proof.Counted != 2000 || len(report.Errors) > 0 {
		t.Errorf("exit status %d, %+v", status, report)
	}
	if a.Messages != 2000 || a.Conversations != 50 ||
		min(a.Bursts, a.FirstRaces, a.RepeatsAtOnce, a.RepeatsLater, a.CookiesLost) == 0 {
		t.Errorf("asked %+v", a)
	}
	if pointers := len(f.keys("sms:conversation:+15005550006:+999*")); pointers != a.Conversations {
		t.Errorf("%d conversations left %d pointers", a.Conversations, pointers)
	}
}

func TestLoadProofOfPlainServer(t *testing.T) {
	f := startPlainFleet(t, redistest.Start(t, redistest.Options{}))
	report, status := loadJSON(t, startSpreader(t, f), everything...)
	if status != 1 || report.Proof.Holds {
		t.Errorf("exit status %d, %+v", status, report)
	}
	for _, kind := range []string{"lost update", "counted twice", "forked session"} {
		if report.Proof.Found[kind] == 0 {
			t.Errorf("the proof found no %s: %v", kind, report.Proof.Found)
		}
	}
}

func TestLoadFindsDev(t *testing.T) {
	d := startDev(t, "PORT=0", "ADMIN_ADDR=")
	r := execute(t, []string{"load", "--messages", "300", "--conversations", "10"},
		"XDG_RUNTIME_DIR="+filepath.Dir(filepath.Dir(d.path)))
	if r.status != 0 || !strings.Contains(r.stdout, "proof     it holds: 300 messages") ||
		!strings.Contains(r.stdout, "errors    none") ||
		!strings.Contains(r.stdout, "\ncounting  checked, because the replies") {
		t.Errorf("exit status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	if want := "testing " + d.url + "/sms (the running smsession dev)"; !strings.HasPrefix(r.stderr, want) {
		t.Errorf("standard error is %q, want %q first", r.stderr, want)
	}
}

// items starts a webhook that counts items, with texts of its own. If it remembers, a repeat gets the first reply.
func items(t *testing.T, remembers bool) (port string) {
	var mu sync.Mutex
	count, replies := map[string]int{}, map[string]string{}
	port, _ = startCounting(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		from, sid := r.FormValue("From"), r.FormValue("MessageSid")
		if replies[sid] == "" || !remembers {
			count[from]++
			replies[sid] = fmt.Sprintf("<Response><Message>You have %d items.</Message></Response>", count[from])
		}
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, replies[sid])
	})
	return port
}

// A webhook that the load knows nothing about needs no token and no flag besides --url. All output fits a terminal of
// 80 columns.
func TestLoadOfAnyWebhook(t *testing.T) {
	const notChecked = "counting  not checked, because the two messages before the load were answered\n" +
		`          "You have 1 items." and "You have 2 items."; if a reply contains the` + "\n" +
		`          number of messages, --expect 'number (\d+)' finds and checks it` + "\n"
	rows := []struct {
		name      string
		remembers bool
		args      []string
		status    int
		want      []string // in standard output or standard error
	}{
		{"a repeat that acts twice is found", false, nil, 1, []string{"proof     it fails: another reply to a repeat (",
			`was answered "You have `, notChecked, "smsession: the proof fails: a resent message would act twice"}},
		{"equal repeats pass", true, nil, 0, []string{"proof     it holds: ",
			" got the same reply as the first time\n", notChecked}},
		{"a regular expression finds the counts", true, []string{"--expect", `You have (\d+) items`}, 0,
			[]string{"proof     it holds: 60 messages answered, each counted exactly once\n",
				`counting  checked, because of --expect 'You have (\d+) items'` + "\n"}},
		{"repeats are checked if nothing is expected", false, []string{"--expect", "none", "--resend", "1"}, 1,
			[]string{"proof     it fails: another reply to a repeat (",
				"counting  not checked, because of --expect none\n"}},
		{"a webhook that does not count is explained", true, []string{"--expect", "count"}, 1,
			[]string{"proof     it fails: no count (", "The webhook does not seem to", "--expect none"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			url := "http://127.0.0.1:" + items(t, row.remembers) + "/sms"
			r := execute(t, append([]string{"load", "--messages", "60", "--url", url}, row.args...))
			printed := r.stdout + r.stderr
			if r.status != row.status {
				t.Errorf("exit status %d\n%s", r.status, printed)
			}
			for _, want := range append(row.want, "testing "+url) {
				if !strings.Contains(printed, want) {
					t.Errorf("%q is not in\n%s", want, printed)
				}
			}
			for line := range strings.Lines(printed) {
				if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
					t.Errorf("%q has more than 80 columns", line)
				}
			}
		})
	}
}

func TestLoadNeedsAWebhook(t *testing.T) {
	r := execute(t, []string{"load"}, "XDG_RUNTIME_DIR="+t.TempDir())
	if r.status != 1 || !strings.Contains(r.stderr, "smsession dev") || r.stdout != "" {
		t.Errorf("exit status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
}

// startCounting starts a webhook that counts its requests. It listens on all addresses.
func startCounting(tb testing.TB, handler http.HandlerFunc) (port string, requests *atomic.Int64) {
	tb.Helper()
	requests = new(atomic.Int64)
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		tb.Fatal(err)
	}
	server := &httptest.Server{Listener: listener,
		Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			handler(w, r)
		})}}
	server.Start()
	tb.Cleanup(server.Close)
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port, requests
}

func thanks(w http.ResponseWriter, _ *http.Request) { control.Greet(w, 2) }

// TestLoadRefusesOtherHosts has a server at 0.0.0.0, which would get the messages and is not a loopback address.
func TestLoadRefusesOtherHosts(t *testing.T) {
	port, requests := startCounting(t, thanks)
	here, elsewhere := "http://127.0.0.1:"+port+"/sms", "http://0.0.0.0:"+port+"/sms"
	rows := []struct {
		name string
		args []string
	}{
		{"the webhook", []string{"--url", elsewhere}},
		{"the webhook, with a local public URL", []string{"--url", elsewhere, "--public-url", here}},
		{"the fallback", []string{"--url", here, "--fallback-url", elsewhere}},
		{"the fallback, with a local public URL",
			[]string{"--url", here, "--fallback-url", elsewhere, "--public-fallback-url", here}},
		{"a documentation address", []string{"--url", "http://192.0.2.1/sms"}},
		{"a name that does not exist", []string{"--url", "http://nobody.invalid/sms"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := execute(t, append([]string{"load", "--messages", "10"}, row.args...),
				"TWILIO_AUTH_TOKEN="+webhooktest.AuthToken)
			if r.status != 2 || r.stdout != "" || strings.Count(r.stderr, "\n") > 0 || r.stderr == "" {
				t.Errorf("exit status %d\n%s%s", r.status, r.stdout, r.stderr)
			}
		})
	}
	if n := requests.Load(); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
	if _, status := loadJSON(t, "http://0.0.0.0:"+port, "--messages", "10", "--expect", "none",
		"--i-own-this-host"); status != 0 || requests.Load() == 0 {
		t.Errorf("with --i-own-this-host: exit status %d, %d requests", status, requests.Load())
	}
}

func TestLoadFollowsNoForeignRedirect(t *testing.T) {
	elsewhere, strays := startCounting(t, thanks)
	port, requests := startCounting(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://0.0.0.0:"+elsewhere+"/sms", http.StatusTemporaryRedirect)
	})
	for _, args := range [][]string{nil, {"--i-own-this-host"}} { // the flag allows no redirect to another host
		requests.Store(0)
		r := execute(t, append([]string{"load", "--url", "http://127.0.0.1:" + port + "/sms"}, args...),
			"TWILIO_AUTH_TOKEN="+webhooktest.AuthToken)
		if r.status != 2 || !strings.Contains(r.stderr, "http://0.0.0.0:"+elsewhere) || requests.Load() > 1000 ||
			strays.Load() > 0 {
			t.Errorf("exit status %d after %d requests, %d elsewhere\n%s%s", r.status, requests.Load(), strays.Load(),
				r.stdout, r.stderr)
		}
	}
}

// TestLoadFlags gives secrets to flags that need numbers. The error must not repeat them.
func TestLoadFlags(t *testing.T) {
	rows := []struct{ flag, value, want string }{
		{"--conversations", "0", "a whole number from 1 to 100000"},
		{"--conversations", "", "a whole number"},
		{"--conversations", "S3cr3t", "a whole number"},
		{"--in-flight", "-1", "a whole number from 1 to 4096"},
		{"--in-flight", "4", "--burst is more than --in-flight"},
		{"--messages", "1.5", "a whole number"},
		{"--burst", "21", "a whole number from 1 to 20"},
		{"--resend", "1.01", "a share from 0 to 1"},
		{"--lose-cookies", "NaN", "a share from 0 to 1"},
		{"--first-race", "-0.1", "a share from 0 to 1"},
		{"--rate", "-1", "a number from 0"},
		{"--rate", "NaN", "a number from 0"},
		{"--rate", "0.1", "--rate is too low"},
		{"--duration", "30", "a duration such as 30s"},
		{"--duration", "-1s", "--duration must be more than 0; see smsession load --help"},
		{"--duration", "0", "--duration must be more than 0"},
		{"--expect", "S3cr3t", `--expect must be count, none, or a regular expression with one group`},
		{"--expect", "", "--expect must be count, none"},
		{"--url", "sms.example.com:S3cr3t", "--url"},
		{"--to", "", "--to is empty; see smsession load --help"},
		{"--to", "+1S3cr3t", "--to must be a phone number such as +12025550143"},
	}
	for _, row := range rows {
		t.Run(row.flag+" "+row.value, func(t *testing.T) {
			t.Parallel()
			r := execute(t, []string{"load", "--url=http://127.0.0.1:1/sms", row.flag + "=" + row.value},
				"TWILIO_AUTH_TOKEN="+webhooktest.AuthToken)
			printed := r.stderr
			if r.status != 2 || !strings.Contains(printed, row.want) || strings.Count(printed, "\n") > 0 ||
				r.stdout != "" || strings.Contains(printed, "S3cr3t") {
				t.Errorf("exit status %d, %q", r.status, printed)
			}
		})
	}
}

func TestLoadReportsErrors(t *testing.T) {
	port, _ := startCounting(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "Forbidden", http.StatusForbidden)
	})
	report, status := loadJSON(t, "http://127.0.0.1:"+port, "--messages", "100")
	if status != 1 || len(report.Errors) != 1 || report.Proof.Holds {
		t.Fatalf("exit status %d, %+v", status, report)
	}
	e := report.Errors[0]
	if e.Code != 11217 || e.Name == "" || !slices.Equal(e.Excerpt, []string{"Forbidden"}) ||
		!strings.Contains(e.Example, "The phone signed the URL "+webhooktest.PublicURL+"/sms with") {
		t.Errorf("%+v", e)
	}
}

func TestLoadInterrupted(t *testing.T) {
	arrived := make(chan struct{}, 1000)
	port, _ := startCounting(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case arrived <- struct{}{}:
		default:
		}
		thanks(w, r)
	})
	r := start(t, []string{"load", "--duration", "1h", "--expect", "none", "--url",
		"http://127.0.0.1:" + port + "/sms"},
		"TWILIO_AUTH_TOKEN="+webhooktest.AuthToken)
	for range 100 {
		<-arrived
	}
	r.signal(os.Interrupt)
	if r.wait() != 0 || !strings.Contains(r.stdout(), "interrupted") || !strings.Contains(r.stdout(), "latency") {
		t.Errorf("exit status %d\n%s%s", r.wait(), r.stdout(), r.stderr())
	}
}
