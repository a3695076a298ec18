package devphone_test

import (
	"flag"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"smsession/internal/redispool"
)

var screenshot = flag.String("screenshot", "", "the file to which TestScreenshot writes the picture for the README")

// TestScreenshot has the conversation that the README shows. With the flag, it writes the picture:
//
//	go test ./internal/devphone -run Screenshot -screenshot deploy/dev-phone.png
func TestScreenshot(t *testing.T) {
	s := forScreenshot(t)
	w := newTab(t, chromium(t), s.url)
	w.resize(1280, 800)
	w.media("prefers-color-scheme", "light")
	w.media("prefers-reduced-motion", "reduce")
	w.keys("Hello\r")
	w.count(".in", 1)
	w.keys("Are you still there?\r")
	w.count(".in", 2)
	w.press(`[data-kind=again]`)
	w.count(".in", 3)
	w.press(`#add button`)
	w.count(".phone", 2)
	w.keys("Hi, this is another number\r")
	w.count(".in", 4)
	w.press(`.current [data-kind=lose]`)
	w.count(".event", 1)
	w.press(`.current input`)
	w.keys("Do you know me?\r")
	w.count(".in", 5)
	w.until(`document.querySelector('#record').textContent.includes('"counter": 2')`)
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

// forScreenshot starts a service. For the picture, it has the default ports of `smsession dev` if they are free.
func forScreenshot(t *testing.T) *service {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:8080")
	if *screenshot == "" || err != nil {
		if err == nil {
			listener.Close()
		}
		return newService(t)
	}
	embedded, err := redispool.StartEmbedded("127.0.0.1:6379", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(embedded.Close)
	s := listening(t, listener, embedded.Addr())
	t.Cleanup(s.close)
	return s
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
