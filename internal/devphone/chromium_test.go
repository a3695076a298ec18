package devphone_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium starts a browser without a window. It ends with the test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	var path string
	for _, name := range slices.Backward(names) {
		if found, err := exec.LookPath(name); err == nil {
			path = found
		}
	}
	if path == "" {
		t.Fatalf("there is none of %s here: deploy/test/setup.sh chromium installs it", strings.Join(names, ", "))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Env("HOME="+t.TempDir()), chromedp.Flag("lang", "en-GB"),
		// Names are resolved here, so that a page can have another origin without leaving the host.
		chromedp.Flag("host-resolver-rules", "MAP *.example 127.0.0.1"))
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, _ = chromedp.NewContext(ctx)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) })
	return ctx
}

// tab is a window of the browser with the page in it.
type tab struct {
	*testing.T
	ctx         context.Context
	preferences []*emulation.MediaFeature

	mu     sync.Mutex
	faults []string // what the browser complains of: exceptions, refused requests, violations of the policy
}

// newTab opens a window on the page and waits until it is ready.
func newTab(t *testing.T, browser context.Context, url string) *tab {
	t.Helper()
	w := blankTab(t, browser)
	w.do(chromedp.Navigate(url))
	w.until(`document.body.dataset.ready === 'true'`)
	return w
}

// blankTab opens a window with nothing in it.
func blankTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	w := &tab{T: t, ctx: ctx}
	if err := chromedp.Listen(ctx, w.note); err != nil {
		t.Fatal(err)
	}
	_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		window.violations = [];
		document.addEventListener('securitypolicyviolation', (e) => window.violations.push(e.violatedDirective));`})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// note takes down what the browser complains of.
func (w *tab) note(event any) {
	var fault string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			fault += " " + e.ExceptionDetails.Exception.Description
		}
	case *log.EventEntryAdded:
		fault = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
	default:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fault)
}

// clean fails if the browser has complained of anything.
func (w *tab) clean() {
	w.Helper()
	violations := value[[]string](w, `window.violations`)
	w.mu.Lock()
	defer w.mu.Unlock()
	if all := append(w.faults, violations...); len(all) > 0 {
		w.Errorf("the browser complains: %q", all)
	}
}

// forgive takes back the complaints that have a text in them: they belong to what the test does.
func (w *tab) forgive(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = slices.DeleteFunc(w.faults, func(fault string) bool { return strings.Contains(fault, text) })
}

func (w *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.Fatal(err)
	}
}

// value returns the value of a JavaScript expression in the page. It waits for a promise.
func value[T any](w *tab, expression string) T {
	w.Helper()
	v, err := evaluate[T](w, expression)
	if err != nil {
		w.Fatalf("%s: %v", expression, err)
	}
	return v
}

func evaluate[T any](w *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(w.ctx, 30*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// until waits until a JavaScript expression is true. The page may load again meanwhile: the browser then answers a
// question about the old document with an error, and the new document is asked.
func (w *tab) until(expression string) {
	w.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		now, err := evaluate[bool](w, "Boolean("+expression+")")
		var refusal *cdproto.Error
		if err != nil && !errors.As(err, &refusal) {
			w.Fatalf("%s: %v", expression, err)
		}
		if now {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("never true: %s\n%s", expression, value[string](w, `document.body.innerText`))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// press clicks what a CSS selector finds.
func (w *tab) press(selector string) {
	w.Helper()
	w.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// keys types into whatever has the focus.
func (w *tab) keys(text string) {
	w.Helper()
	w.do(chromedp.KeyEvent(text))
}

// resize makes the window of another size.
func (w *tab) resize(width, height int64) {
	w.Helper()
	w.do(chromedp.EmulateViewport(width, height))
}

// count waits until so many elements are there.
func (w *tab) count(selector string, n int) {
	w.Helper()
	w.until(fmt.Sprintf(`document.querySelectorAll(%s).length === %d`, js(selector), n))
}

// texts are those of the elements that a CSS selector finds.
func (w *tab) texts(selector string) []string {
	w.Helper()
	return value[[]string](w, `[...document.querySelectorAll(`+js(selector)+`)].map((e) => e.textContent)`)
}

// media sets what the system prefers: a colour scheme, or how much may move.
func (w *tab) media(feature, is string) {
	w.Helper()
	w.preferences = append(w.preferences, &emulation.MediaFeature{Name: feature, Value: is})
	_, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: w.preferences})
	if err != nil {
		w.Fatal(err)
	}
}

// js is a text as a literal of JavaScript.
func js(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// called is a call of a function in JavaScript.
func called(function string, args ...string) string {
	literals := make([]string, len(args))
	for i, arg := range args {
		literals[i] = js(arg)
	}
	return "(" + strings.TrimSuffix(strings.TrimSpace(function), ";") + ")(" + strings.Join(literals, ",") + ")"
}
