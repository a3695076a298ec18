package systemtest

import (
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"smsession/internal/webhooktest"
)

// handset is a client on another host, as far as the page knows: it opens the page at an address in the network.
func handset(tb testing.TB) *http.Client {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
}

// status returns the status of a GET with an Authorization, if one is given.
func status(tb testing.TB, client *http.Client, url string, authorization ...string) int {
	tb.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for _, value := range authorization {
		r.Header.Set("Authorization", value)
	}
	res, err := client.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

func TestDevOnOtherHosts(t *testing.T) {
	if !inOwnNetwork(t) {
		return
	}
	t.Run("at every address of this host", onEveryAddress)
	for _, replicas := range []string{"1", "3"} {
		t.Run("at one address, with replicas: "+replicas, func(t *testing.T) { onOneAddress(t, replicas) })
	}
}

// onEveryAddress opens each address that the guide prints for other hosts.
func onEveryAddress(t *testing.T) {
	d := startDev(t, "ADDR=0.0.0.0:0", "LOG_LEVEL=debug")
	d.lines("curl") // the guide is complete
	port := d.url[strings.LastIndexByte(d.url, ':')+1:]
	if !strings.Contains(d.stdout(), "on port "+port+" of every address") {
		t.Errorf("the guide does not name the port %s:\n%s", port, d.stdout())
	}
	pages := regexp.MustCompile(`(?m)^  (http://\S+/)\?token=([0-9a-f]{32})$`).FindAllStringSubmatch(d.stdout(), -1)
	if len(pages) != 1 || !strings.HasPrefix(pages[0][1], "http://"+ownAddress+":") {
		t.Fatalf("the guide prints the pages %q", pages)
	}
	for _, page := range pages {
		link, root, token := strings.TrimSpace(page[0]), page[1], page[2]
		if u, err := url.Parse(root); err != nil || u.Port() != port {
			t.Errorf("the guide prints %s", link)
		}
		if got := status(t, handset(t), root); got != 403 {
			t.Errorf("%s without the token gets %d", root, got)
		}
		if got := status(t, handset(t), root+"dev/state"); got != 403 {
			t.Errorf("the state without the token gets %d", got)
		}
		client := handset(t)
		if got := status(t, client, link); got != 200 {
			t.Errorf("%s gets %d", link, got)
		}
		if got := status(t, client, root+"dev/state"); got != 200 {
			t.Errorf("the state gets %d after %s was opened", got, link)
		}
		if got := status(t, handset(t), root+"dev/state", "Bearer "+token); got != 200 {
			t.Errorf("the state gets %d with Bearer", got)
		}
	}
	if status, _ := browse(t, "GET", "http://127.0.0.1:"+port+"/dev/state", ""); status != 200 {
		t.Errorf("this host gets %d without the token", status)
	}
	public := 0
	for _, addr := range listeningAddrs(t, d.cmd.Process.Pid, 3) {
		if !addr.IP.IsLoopback() {
			public++
		}
	}
	if public > 1 {
		t.Error("more than the public listener can be reached by other hosts")
	}
	d.signal(syscall.SIGTERM)
	d.wait() // the log is complete
	if strings.Contains(d.stderr(), pages[0][2]) {
		t.Errorf("the log has the token:\n%s", d.stderr())
	}
}

// onOneAddress opens the page at the only address of dev, which is not a loopback address. Several replicas share this
// address.
func onOneAddress(t *testing.T, replicas string) {
	d := startDevArgs(t, []string{"--replicas", replicas}, "ADDR="+net.JoinHostPort(ownAddress, "0"))
	d.lines("curl")
	link := found(t, d.stdout(), `^Open (\S+) in a browser\.`)[0]
	if !strings.HasPrefix(link, d.url+"/?token=") {
		t.Errorf("the guide begins with %s, the service is at %s", link, d.url)
	}
	client := handset(t)
	if got := status(t, client, d.url+"/dev/state"); got != 403 {
		t.Errorf("the state gets %d without the token", got)
	}
	if got := status(t, client, link); got != 200 {
		t.Errorf("it gets %d", got)
	}
	if got := status(t, client, d.url+"/dev/state"); got != 200 {
		t.Errorf("the state gets %d", got)
	}
	s := newSender(t)
	s.AuthToken, s.PublicURL = d.file.AuthToken, d.file.PublicURL
	report(t, checkCounts([]reply{s.deliver(d.url, "/sms", webhooktest.NewSID(), "")}, 1, 1))
}
