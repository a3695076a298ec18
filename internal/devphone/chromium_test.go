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

// limit is how long a test waits for the browser before it fails. No step takes that long, even on a busy machine.
const limit = 2 * time.Minute

// chromium starts a browser without a window. The browser ends with the test.
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
		t.Fatalf("none of %s is installed: run deploy/test/setup.sh chromium", strings.Join(names, ", "))
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Env("HOME="+t.TempDir()), chromedp.Flag("lang", "en-GB"),
		// These names resolve to this host, so that a page can have another origin.
		chromedp.Flag("host-resolver-rules", "MAP *.example 127.0.0.1"))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, _ = chromedp.NewContext(ctx)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) })
	return ctx
}

// tab is a tab of the browser.
type tab struct {
	*testing.T
	ctx         context.Context
	browser     context.Context // for another tab
	preferences []*emulation.MediaFeature

	mu         sync.Mutex
	complaints []string // exceptions, refused requests and violations of the policy, as the browser reports them
}

// newTab opens the page in a tab, and waits until it is ready.
func newTab(t *testing.T, browser context.Context, url string) *tab {
	t.Helper()
	w := emptyTab(t, browser)
	w.do(chromedp.Navigate(url))
	w.until(`document.body.dataset.ready === 'true'`)
	return w
}

// emptyTab opens a tab without a page.
func emptyTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	w := &tab{T: t, ctx: ctx, browser: browser}
	if err := chromedp.Listen(ctx, w.listen); err != nil {
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

// listen collects the complaints of the browser.
func (w *tab) listen(event any) {
	var complaint string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		complaint = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			complaint += " " + e.ExceptionDetails.Exception.Description
		}
	case *log.EventEntryAdded:
		complaint = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
	default:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complaints = append(w.complaints, complaint)
}

// checkComplaints fails the test if the browser has complained.
func (w *tab) checkComplaints() {
	w.Helper()
	violations := value[[]string](w, `window.violations`)
	w.mu.Lock()
	defer w.mu.Unlock()
	if all := append(w.complaints, violations...); len(all) > 0 {
		w.Errorf("the browser complains: %q", all)
	}
}

// expectComplaints removes the complaints that contain a text. The test causes them on purpose.
func (w *tab) expectComplaints(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complaints = slices.DeleteFunc(w.complaints, func(complaint string) bool {
		return strings.Contains(complaint, text)
	})
}

func (w *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, limit)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.Fatal(err)
	}
}

// value returns the value of a JavaScript expression. If it is a promise, value waits for it. If the page loads again
// in the meantime, the browser reports a protocol error, and value asks the new document.
func value[T any](w *tab, expression string) T {
	w.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		v, err := evaluate[T](w, expression)
		var navigated *cdproto.Error
		if err == nil {
			return v
		}
		if !errors.As(err, &navigated) || time.Now().After(deadline) {
			w.Fatalf("%s: %v", expression, err)
		}
	}
}

func evaluate[T any](w *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(w.ctx, limit)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// until waits until a JavaScript expression is true. The page may load again in the meantime, so an error only means
// that the expression is not true yet: a document that is being loaded does not have its elements.
func (w *tab) until(expression string) {
	w.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		isTrue, err := evaluate[bool](w, "Boolean("+expression+")")
		if isTrue {
			return
		}
		if w.ctx.Err() != nil || time.Now().After(deadline) {
			w.mu.Lock()
			complaints := slices.Clone(w.complaints)
			w.mu.Unlock()
			w.Fatalf("it is not true after %v: %s (%v)\nthe browser complains: %q\n%s",
				limit, expression, err, complaints, value[string](w, `document.body.innerText`))
		}
	}
}

// untilReloaded calls cause, which makes the page load again. It waits until the new document is ready.
func (w *tab) untilReloaded(cause func()) {
	w.Helper()
	value[any](w, `void (window.beforeReload = true)`)
	cause()
	w.until(`!window.beforeReload && document.body.dataset.ready === 'true'`)
}

// press clicks the element that a CSS selector finds. If the page draws the element again in the meantime, the browser
// no longer has the node, and press looks for the new one.
func (w *tab) press(selector string) {
	w.Helper()
	click := chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible)
	for deadline := time.Now().Add(limit); ; {
		ctx, cancel := context.WithTimeout(w.ctx, limit)
		err := chromedp.Do(ctx, click)
		cancel()
		var lost *cdproto.Error
		isLost := errors.As(err, &lost) && strings.HasPrefix(lost.Message, "Could not find node")
		if err == nil {
			return
		}
		if !isLost || time.Now().After(deadline) {
			w.Fatal(err)
		}
	}
}

// keys types into the element that has the focus.
func (w *tab) keys(text string) {
	w.Helper()
	w.do(chromedp.KeyEvent(text))
}

// resize changes the size of the window.
func (w *tab) resize(width, height int64) {
	w.Helper()
	w.do(chromedp.EmulateViewport(width, height))
}

// count waits until a CSS selector finds n elements.
func (w *tab) count(selector string, n int) {
	w.Helper()
	w.until(fmt.Sprintf(`document.querySelectorAll(%s).length === %d`, js(selector), n))
}

// texts returns the texts of the elements that a CSS selector finds.
func (w *tab) texts(selector string) []string {
	w.Helper()
	return value[[]string](w, `[...document.querySelectorAll(`+js(selector)+`)].map((e) => e.textContent)`)
}

// media sets a preference of the system, such as a colour scheme.
func (w *tab) media(feature, preference string) {
	w.Helper()
	w.preferences = append(w.preferences, &emulation.MediaFeature{Name: feature, Value: preference})
	_, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia,
		emulation.SetEmulatedMediaParams{Features: w.preferences})
	if err != nil {
		w.Fatal(err)
	}
}

// js returns a JavaScript literal for a text.
func js(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// call returns a JavaScript expression that calls a function.
func call(function string, args ...string) string {
	literals := make([]string, len(args))
	for i, arg := range args {
		literals[i] = js(arg)
	}
	return "(" + strings.TrimSuffix(strings.TrimSpace(function), ";") + ")(" + strings.Join(literals, ",") + ")"
}
