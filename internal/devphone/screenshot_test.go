package devphone_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

var (
	screenshot = flag.String("screenshot", "", "the file to which TestScreenshot writes the picture for the README")
	surveyAddr = flag.String("survey", "", "the address of deploy/examples/survey.py, for the picture")
)

// TestScreenshot has the conversation that the README shows. With the flags, it writes the picture. The token is
// webhooktest.AuthToken:
//
//	SECRET_KEY=secret TWILIO_AUTH_TOKEN=... flask --app deploy/examples/survey run --port 5000
//	go test ./internal/devphone -run Screenshot -screenshot deploy/dev-phone.png -survey 127.0.0.1:5000
func TestScreenshot(t *testing.T) {
	a := &ownApp{addr: *surveyAddr}
	if a.addr == "" {
		a = startApp(t, survey)
	}
	w := newTab(t, chromium(t), newAppService(t, a).url)
	w.resize(1280, 800)
	w.media("prefers-color-scheme", "light")
	w.media("prefers-reduced-motion", "reduce")
	w.keys("Hello\r")
	w.count(".in", 1)
	w.keys("Rose\r")
	w.count(".in", 2)
	w.press(`[data-kind=lose]`)
	w.count(".event", 1)
	w.press(`.current textarea`)
	w.keys("5\r")
	w.count(".in", 3)
	w.until(`document.querySelector('#record').textContent.includes('"counter": 3')`)
	w.count(".changes", 1)
	picture, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	const maxSize = 200_000
	if len(picture) > maxSize {
		t.Errorf("the picture has %d bytes, more than %d", len(picture), maxSize)
	}
	save(t, picture)
	w.checkComplaints()
}

// preferring returns an address for the picture, and one with any free port.
func preferring(addr string) []string {
	if *screenshot == "" {
		return []string{"127.0.0.1:0"}
	}
	return []string{addr, "127.0.0.1:0"}
}

// save writes the picture if the flag is set. A relative path is relative to the root of the repository.
func save(t *testing.T, picture []byte) {
	t.Helper()
	if *screenshot == "" {
		return
	}
	path := *screenshot
	if !filepath.IsAbs(path) {
		path = filepath.Join("../..", path)
	}
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
