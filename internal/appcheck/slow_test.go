package appcheck

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"smsession/internal/twiml"
	"smsession/internal/weburl"
)

func TestSlowNetwork(t *testing.T) {
	app := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			panic(http.ErrAbortHandler)
		}
		body, _ := io.ReadAll(r.Body)
		if len(r.TransferEncoding) > 0 && len(body) == 0 {
			w.WriteHeader(http.StatusNotImplemented) // as some servers refuse a GET with a body
			return
		}
		w.Header().Set("Set-Cookie", "a=1")
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, strings.Join([]string{r.Method, r.Host, r.URL.String(), r.Header.Get("X-Forwarded-Proto"),
			r.Header.Get("X-Forwarded-Host"), r.Header.Get("X-Twilio-Signature"), string(body)}, " "))
	})
	n, err := newSlowNetwork(weburl.Split(app + "?key=1"))
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	send := func(method, url, body string) (*http.Response, error) {
		r, err := http.NewRequest(method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "bot.example.com"
		r.Header = http.Header{"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"bot.example.com"},
			"X-Twilio-Signature": {"signature"}}
		return client.Do(r)
	}

	for _, row := range []struct{ name, method, body string }{
		{"it keeps the request and the answer, and takes its time", "POST", "Body=hello"},
		{"a request may have no body", "GET", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			const delay = 500 * time.Millisecond // after 200 ms, net/http sends the beginning of a body
			n.delay.Store(int64(delay))
			defer n.delay.Store(0)
			began := time.Now()
			res, err := send(row.method, n.url.Configured(), row.body)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			want := row.method + " bot.example.com /bot?key=1 https bot.example.com signature " + row.body
			if err != nil || string(body) != want || res.StatusCode != 202 || res.Header.Get("Set-Cookie") != "a=1" {
				t.Errorf("%d %v %q, %v", res.StatusCode, res.Header, body, err)
			}
			if took := time.Since(began); took < delay {
				t.Errorf("it took %v, want at least %v", took, delay)
			}
		})
	}
	t.Run("a connection that breaks is no answer", func(t *testing.T) {
		broken := n.url
		broken.Path = "/broken"
		if res, err := send("POST", broken.Configured(), "Body=hello"); err == nil {
			t.Errorf("it answers %d", res.StatusCode)
			res.Body.Close()
		}
	})
}

// TestTooSlow checks apps that answer all messages at once, except the first ones of the slow network.
func TestTooSlow(t *testing.T) {
	for _, row := range []struct {
		name    string
		timeout time.Duration
		hangs   int // how many messages over the slow network get no answer
		ok      bool
		detail  string
	}{
		{"a network of a quarter of the time-out is too slow", 2 * time.Second, 1, true,
			"A network that needs 250ms is not too slow."},
		{"each slow network is too slow", 200 * time.Millisecond, 9, false, "did not answer completely in time"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			sids := map[string]bool{}
			o := optionsFor(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				sids[r.PostFormValue("MessageSid")] = true
				isHanging := len(sids) <= row.hangs
				mu.Unlock()
				if isHanging {
					hang(r)
					return
				}
				cookieCounter(w, r)
			}))
			o.App.Timeout, o.slowest = row.timeout, 0
			run := runFleet(t, o)
			slowly(t.Context(), run)
			r := &recorder{results: []Result{run.result("slow", new(twiml.Findings))}}
			if r.results[0].OK != row.ok || !strings.Contains(r.findings(), row.detail) {
				t.Errorf("ok is %t, with %s", r.results[0].OK, r.findings())
			}
		})
	}
}
