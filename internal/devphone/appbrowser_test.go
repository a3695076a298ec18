package devphone_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"smsession/internal/config"
)

// TestAppInChromium uses the page with apps that behave well or badly. See TestInChromium.
func TestAppInChromium(t *testing.T) {
	browser := chromium(t)
	json := func(a *config.App) { a.Protocol, a.Secrets = config.AppJSON, [][]byte{bytes.Repeat([]byte{7}, 24)} }
	rows := []struct {
		name string
		app  http.HandlerFunc
		set  func(*config.App)
		run  func(s *service, a *ownApp, w *tab)
	}{
		{"a call is shown with its cookies", survey, nil, showCookies},
		{"a repeat makes no call", survey, nil, repeatWithoutCall},
		{"a repeat of a failed message says that it made a call", failingTwice(), nil, repeatWithCall},
		{"the documents of a call are shown in order", threeDocuments, nil, showDocuments},
		{"a failed call is shown with the first lines of its body", page500, nil, showFault},
		{"a failed call shows no state that came out", failingSecond, nil, faultWithState},
		{"the state that STOP drops is said to be dropped", survey, nil, stopDropsState},
		{"the state that an answer with end drops is said to be dropped", endingApp, json, endDropsState},
		{"the order of a burst is shown", gated(survey, hasState), nil, burstInOrder},
		{"the state of the app is in view in the record", survey, nil, stateInView},
		{"a document that is not TwiML is explained", answer("text/html", "<p>Thanks<br>Rose</p>"), nil, showNotTwiML},
		{"JSON and data are shown", jsonSurvey, json, showJSON},
		{"the page continues when the app is back", survey, nil, appComesBack},
		{"a message is shown when it is delivered at last", slowApp, nil, deliveredAtLast},
		{"status callbacks and the action are shown", callingBack, nil, showCallbacks},
		{"a message from elsewhere is shown before its answer", gated(atLast, always), nil, elsewhereUnderway},
		{"what a hostile app writes is shown as text", hostileApp, nil, hostileAnswer},
		{"a huge body and wrong bytes do not break the page", answer("text/plain; charset=utf-8", huge), nil, hugeAnswer},
		{"a call can be read by everybody", page500, nil, readableCall},
		{"a call fits on a narrow screen", threeDocuments, nil, narrowCall},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			a := startApp(t, row.app)
			if row.set == nil {
				row.set = func(*config.App) {}
			}
			s := newAppService(t, a, row.set)
			w := newTab(t, browser, s.url)
			w.resize(1280, 800)
			row.run(s, a, w)
			w.checkComplaints()
		})
	}
}

func answer(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	}
}

func say(w http.ResponseWriter, text string) {
	answer("text/xml", "<Response><Message>"+text+"</Message></Response>")(w, nil)
}

// The cookies of a survey, as Flask writes them: https://flask.palletsprojects.com/en/stable/quickstart/#sessions.
const (
	stepOne = "eyJzdGVwIjoxfQ.Z0gq7A.c2lnbmF0dXJl"
	stepTwo = "eyJzdGVwIjoyLCJuYW1lIjoiUm9zZSJ9.Z0gq8Q.c2lnbmF0dXJl"
)

// survey asks two questions. It keeps its state in a cookie, and deletes another one.
func survey(w http.ResponseWriter, r *http.Request) {
	if _, err := r.Cookie("session"); err != nil {
		w.Header().Add("Set-Cookie", "session="+stepOne+"; HttpOnly; Path=/")
		w.Header().Add("Set-Cookie", `flash="a b"`)
		say(w, "What is your name?")
		return
	}
	w.Header().Add("Set-Cookie", "session="+stepTwo+"; HttpOnly; Path=/")
	w.Header().Add("Set-Cookie", "flash=; Max-Age=0")
	w.Header().Add("Set-Cookie", "lang=en")
	say(w, "Thank you, "+r.FormValue("Body")+".")
}

// cells returns the texts of the rows of the table of changes.
func (w *tab) cells() [][]string {
	w.Helper()
	return value[[][]string](w, `[...document.querySelectorAll('.changes tbody tr')].map((row) => [...row.cells].map((cell) => cell.innerText))`)
}

func showCookies(_ *service, a *ownApp, w *tab) {
	w.keys("Hello\r")
	w.count(".changes tbody tr", 2)
	want := [][]string{{"session", "none", stepOne + "\n" + `{"step":1}`, "new"}, {"flash", "none", `"a b"`, "new"}}
	if got := w.cells(); !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		w.Errorf("the first message changes %q", got)
	}
	w.keys("Rose\r")
	w.count(".changes tbody tr", 3)
	want = [][]string{
		{"session", stepOne + "\n" + `{"step":1}`, stepTwo + "\n" + `{"step":2,"name":"Rose"}`, "changed"},
		{"flash", `"a b"`, "none", "deleted"}, {"lang", "none", "en", "new"},
	}
	if got := w.cells(); !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		w.Errorf("the second message changes %q", got)
	}
	call := w.texts(".call")[0]
	for _, want := range []string{
		"POST " + a.url(), "→ 200 in ", "BodyRose", "From" + from, "text/xml", "<Message>Thank you, Rose.</Message>",
		"X-Twilio-Signature", `session=` + stepOne + `; flash="a b"`, "Smsession-Attempt1", "more parameters",
	} {
		if !strings.Contains(call, want) {
			w.Errorf("the call does not show %q: %s", want, call)
		}
	}
	if got := w.texts(".in"); !slices.Equal(got, []string{"Reply: What is your name?", "Reply: Thank you, Rose."}) {
		w.Errorf("the replies are %q", got)
	}
}

func repeatWithoutCall(_ *service, _ *ownApp, w *tab) {
	w.keys("Hello\r")
	w.count(".changes", 1)
	w.press("[data-kind=again]")
	w.count(".in", 2)
	w.until(`document.querySelector('.call')?.textContent.includes('not called')`)
	w.press("button.status")
	w.count(".changes", 1)
}

// threeDocuments answers one message with three documents, as Twilio's survey sample does, and one redirect.
func threeDocuments(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST /sms":
		http.Redirect(w, r, "/survey", http.StatusTemporaryRedirect)
	case "POST /survey":
		answer("text/xml", `<Response><Redirect>/answer/1</Redirect></Response>`)(w, r)
	case "POST /answer/1":
		answer("text/xml", `<Response><Redirect method="GET">/question/2</Redirect></Response>`)(w, r)
	default:
		say(w, "How old are you?")
	}
}

func showDocuments(_ *service, a *ownApp, w *tab) {
	w.keys("Rose\r")
	w.count(".call .exchange", 4)
	var got []string
	for _, title := range w.texts(".call .exchange > summary") {
		title, _, _ = strings.Cut(title, " in ")
		title, query, _ := strings.Cut(title, "?")
		if _, status, found := strings.Cut(query, " "); found {
			title += " " + status
		}
		got = append(got, strings.ReplaceAll(title, a.addr, "app"))
	}
	want := []string{
		"1. POST http://app/sms → 307", "2. POST http://app/survey → 200",
		"3. POST http://app/answer/1 → 200", "4. GET http://app/question/2 → 200",
	}
	if !slices.Equal(got, want) {
		w.Errorf("the documents are %q", got)
	}
	open := value[[]bool](w, `[...document.querySelectorAll('.call .exchange')].map((e) => e.open)`)
	if !slices.Equal(open, []bool{false, false, false, true}) {
		w.Errorf("the documents are open: %v", open)
	}
	if last := w.texts(".call .exchange:last-child")[0]; !strings.Contains(last, "BodyRose") {
		w.Errorf("the parameters of a GET are not shown: %s", last)
	}
}

// page500 is the page that Flask sends for an exception, with more lines than are shown at once.
func page500(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	fmt.Fprint(w, "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n"+
		"<h1>Internal Server Error</h1>\n"+strings.Repeat("<p>Traceback</p>\n", 40)+"<p>the end</p>")
}

func showFault(_ *service, _ *ownApp, w *tab) {
	w.keys("Hello\r")
	w.count(".call", 2) // for the webhook and for the fallback URL
	if got := w.texts(".call .finding")[0]; got != "status The app answered 500 Internal Server Error." {
		w.Errorf("the fault is explained as %q", got)
	}
	body := w.texts(".call .exchange pre.body")[0]
	if !strings.Contains(body, "<h1>Internal Server Error</h1>\n") || strings.Contains(body, "the end") {
		w.Errorf("the first lines are %q", body)
	}
	if got := w.texts(".call .table pre")[0]; !strings.HasSuffix(got, "<p>the end</p>") {
		w.Errorf("the whole body is %q", got)
	}
	if got := w.texts(".call")[0]; !strings.Contains(got, "Nothing of this call is saved.") {
		w.Errorf("the call is shown as %q", got)
	}
	w.until(`document.querySelector('.entry .status').textContent.includes(' · failed')`)
	if got := w.texts(".log .finding")[0]; got != "status The app answered 500 Internal Server Error." {
		w.Errorf("the phone shows %q", got)
	}
	if open := value[[]bool](w, `[...document.querySelectorAll('.call pre.body')].map((e) => e.checkVisibility())`); open[0] ||
		!open[len(open)-2] {
		w.Errorf("the bodies of the two calls can be seen: %v", open)
	}
}

func showNotTwiML(_ *service, _ *ownApp, w *tab) {
	w.keys("Hello\r")
	w.count(".call", 2)
	if got := w.texts(".call .finding")[0]; !strings.HasPrefix(got, "not_twiml ") || !strings.HasSuffix(got, ".") {
		w.Errorf("the fault is explained as %q", got)
	}
	if got := w.texts(".call pre.body")[0]; got != "<p>Thanks<br>Rose</p>" {
		w.Errorf("the document is shown as %q", got)
	}
}

// jsonSurvey counts the steps in its data.
func jsonSurvey(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Session struct{ Data struct{ Step int } }
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer("application/json", fmt.Sprintf(`{"reply":"Step %d","data":{"step":%[1]d,"id":12345678901234567890}}`,
		event.Session.Data.Step+1))(w, r)
}

func showJSON(_ *service, _ *ownApp, w *tab) {
	w.keys("Hello\r")
	w.count(".changes tbody tr", 2)
	w.keys("Again\r")
	w.until(`document.querySelector('.call')?.textContent.includes('Step 2')`)
	want := [][]string{
		{"id", "12345678901234567890", "12345678901234567890", "same"}, {"step", "1", "2", "changed"},
	}
	if got := w.cells(); !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		w.Errorf("the second message changes %q", got)
	}
	call := w.texts(".call")[0]
	for _, want := range []string{
		"webhook-signature", `"reply": "Step 2"`, `"body": "Again"`, `"id": 12345678901234567890`, "datainoutchange",
	} {
		if !strings.Contains(strings.ToLower(call), strings.ToLower(want)) {
			w.Errorf("the call does not show %q: %s", want, call)
		}
	}
}

// appComesBack sends a message while the app is stopped. The service tries again until the app has started.
func appComesBack(s *service, a *ownApp, w *tab) {
	w.until(`document.querySelector('#unreachable').hidden`)
	a.stop()
	w.keys("Hello\r")
	w.until(`!document.querySelector('#unreachable').hidden`)
	if got := w.texts("#unreachable")[0]; !strings.HasPrefix(got, "App not reachable at "+a.url()+".") {
		w.Errorf("the page shows %q", got)
	}
	w.until(`document.querySelector('.entry .status').textContent.endsWith(' · sending…')`)
	a.start()
	w.until(`document.querySelector('#unreachable').hidden`)
	w.count(".in", 1)
	w.until(`/, \d+ tries/.test(document.querySelector('.call summary')?.textContent)`)
	if got := w.texts(".in")[0]; got != "Reply: What is your name?" {
		w.Errorf("the reply is %q", got)
	}
}

// slowApp does not answer before the service gives up.
func slowApp(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then does the context end with the connection
	<-r.Context().Done()
}

// deliveredAtLast sends a message that the app answers neither at the webhook nor at the fallback URL, which takes
// longer than the service keeps a request of the page open.
func deliveredAtLast(s *service, _ *ownApp, w *tab) {
	w.keys("Hello\r")
	w.until(`document.querySelector('.entry .status').textContent.endsWith(' · sending…')`)
	w.until(`document.querySelector('#exchanges').textContent.includes('is being delivered')`)
	w.count(".in", 1) // the apology
	w.count(".call", 2)
	for _, got := range w.texts(".call .finding") {
		if !strings.HasPrefix(got, "timeout ") {
			w.Errorf("a fault is explained as %q", got)
		}
	}
}

// hostileApp writes scripts wherever an app can write something. See hostile.
func hostileApp(w http.ResponseWriter, _ *http.Request) {
	const script = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`
	w.Header().Add("Set-Cookie", `a=`+strings.ReplaceAll(script, " ", ""))
	w.Header().Set("X-Script", script)
	w.Header().Set("Content-Type", "text/html"+script)
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(w, script)
}

func hostileAnswer(_ *service, _ *ownApp, w *tab) {
	w.keys("Hello\r")
	w.count(".call", 2)
	if got := w.texts(".call pre.body")[0]; !strings.HasPrefix(got, "<img src=x onerror=") {
		w.Errorf("the body is shown as %q", got)
	}
	value[any](w, `document.querySelectorAll('details').forEach((d) => { d.open = true; })`)
	if value[bool](w, `'hacked' in window || document.querySelectorAll('img:not(.icon)').length > 0`) {
		w.Error("a text of the app was parsed as HTML")
	}
}

// huge is an answer of 60 KiB in one line, with bytes that are not UTF-8.
var huge = strings.Repeat("long\xff\x00", 10<<10)

func hugeAnswer(_ *service, _ *ownApp, w *tab) {
	w.keys("Hello\r")
	w.until(`document.querySelector('.call')?.textContent.includes('The page shows only the beginning of these 61,440 bytes.')`)
	got := w.texts(".call")[0]
	if !strings.Contains(got, "The body is not UTF-8.") || !strings.Contains(got, "long\uFFFD") {
		w.Errorf("the call is shown as %.2000q", got)
	}
	w.keys("Still there?\r")
	w.count(".out", 2)
}

func readableCall(_ *service, _ *ownApp, w *tab) {
	w.media("prefers-reduced-motion", "reduce")
	w.keys("Hello\r")
	w.count(".call", 2)
	value[any](w, `document.querySelectorAll('details').forEach((d) => { d.open = true; })`)
	w.checkNames()
	for _, scheme := range []string{"light", "dark"} {
		w.media("prefers-color-scheme", scheme)
		got := value[struct {
			Seen int
			Low  []string
		}](w, call(lowContrast))
		if got.Seen < 60 || len(got.Low) > 0 {
			w.Errorf("%s: %d texts were checked, and these have too little contrast: %q", scheme, got.Seen, got.Low)
		}
	}
}

func narrowCall(_ *service, _ *ownApp, w *tab) {
	w.resize(360, 740)
	w.keys("Hello\r")
	w.count(".call .exchange", 4)
	value[any](w, `document.querySelectorAll('details').forEach((d) => { d.open = true; })`)
	w.fits("with a call,", 360)
}
