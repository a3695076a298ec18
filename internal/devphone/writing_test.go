package devphone_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"smsession/internal/gsm"
	"smsession/internal/webhooktest"
)

// paste inserts a text into the element that has the focus, as the clipboard does.
func (w *tab) paste(text string) {
	w.Helper()
	if _, err := chromedp.Call(w.ctx, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		w.Fatal(err)
	}
}

// clipboard returns what was copied.
func (w *tab) clipboard() string {
	w.Helper()
	_, err := chromedp.CallBrowser(w.ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
		Permission: &cdpbrowser.PermissionDescriptor{Name: "clipboard-read"},
		Setting:    cdpbrowser.PermissionSettingGranted,
	})
	if err != nil {
		w.Fatal(err)
	}
	return value[string](w, `navigator.clipboard.readText()`)
}

// written returns what is in the text field of the current phone.
func (w *tab) written() string {
	w.Helper()
	return value[string](w, `document.querySelector('.current textarea').value`)
}

func severalLines(_ *service, w *tab) {
	height := func() int { return value[int](w, `document.querySelector('textarea').offsetHeight`) }
	one := height()
	w.keys("First line")
	w.do(chromedp.KeyEvent("\r", chromedp.KeyModifiers(chromedp.ModifierShift)))
	w.keys("second line")
	w.until(fmt.Sprintf(`document.querySelector('textarea').offsetHeight >= %d`, one+15))
	w.keys("\r")
	w.count(".in", 1)
	if got := w.texts(".out .text")[0]; got != "First line\nsecond line" {
		w.Errorf("the message is %q", got)
	}
	if now := height(); now != one {
		w.Errorf("the empty field is %d px high, and was %d px", now, one)
	}
}

func rightToLeft(_ *service, w *tab) {
	const text = "שלום, 5 stars"
	w.paste(text)
	if !value[bool](w, `document.querySelector('textarea').matches(':dir(rtl)')`) {
		w.Error("the field is not written from right to left")
	}
	w.keys("\r")
	w.count(".in", 1)
	if got := value[string](w, `getComputedStyle(document.querySelector('.out .text')).direction`); got != "rtl" {
		w.Errorf("the direction of the message is %s", got)
	}
	if got := value[string](w, `getComputedStyle(document.querySelector('.in .text')).direction`); got != "ltr" {
		w.Errorf("the direction of the English reply is %s", got)
	}
}

func counted(_ *service, w *tab) {
	for _, text := range []string{
		"x", strings.Repeat("x", 161), "it’s", strings.Repeat("€", 81), "😀" + strings.Repeat("x", 69),
	} {
		value[any](w, `document.querySelector('textarea').select()`)
		w.paste(text)
		segments := gsm.Split(text)
		want := fmt.Sprintf("%d segments", segments.Count)
		if segments.Count == 1 {
			want = "1 segment"
		}
		if segments.Encoding == gsm.UCS2 {
			want += " UCS-2"
		}
		n := len([]rune(text))
		w.until(`document.querySelector('.counter').textContent.replaceAll('\u00a0', ' ').startsWith('` + fmt.Sprint(n) + ` character')`)
		w.until(`document.querySelector('.counter').textContent.replaceAll('\u00a0', ' ').endsWith('· ` + want + `')`)
	}
}

// tooLong writes 1,700 characters. The page must say that they are too many, and must neither cut nor send them.
func tooLong(s *service, w *tab) {
	text := strings.Repeat("0123456789", 170)
	w.paste(text)
	const want = "1,700\u00a0characters: 100 too many. Twilio passes on at most 1,600."
	w.until(`document.querySelector('.counter').textContent === ` + js(want))
	w.keys("\r")
	w.until(`document.querySelector('.counter').classList.contains('insists')`)
	if got := w.written(); got != text {
		w.Errorf("the field has %d characters left", len(got))
	}
	if n := s.phones()[0].Last; n != 0 {
		w.Errorf("%d messages were sent", n)
	}
	value[any](w, `document.querySelector('textarea').setSelectionRange(0, 100)`)
	w.keys(kb.Backspace + "\r")
	w.count(".in", 1)
	if got := s.phones()[0].Entries[0].Message.Body; got != text[100:] {
		w.Errorf("the message has %d characters", len(got))
	}
}

func editAndSend(s *service, w *tab) {
	w.keys("Hello\r")
	w.count(".in", 1)
	w.keys(kb.ArrowUp)
	if got := w.written(); got != "Hello" {
		w.Errorf("the last message is put into the field as %q", got)
	}
	w.keys(" again\r")
	w.count(".in", 2)
	w.press(".entry:first-child button.status")
	w.until(`/BodyHello(?! again)/.test(document.querySelector('#exchanges').textContent)`)
	w.press("#edit")
	if got := w.written(); got != "Hello" {
		w.Errorf("the first message is put into the field as %q", got)
	}
	w.keys("!\r")
	w.count(".in", 3)
	log := s.phones()[0].Entries
	if log[2].Message.Body != "Hello!" || log[2].Message.SID == log[0].Message.SID ||
		log[2].reply() != webhooktest.Greeting(3) {
		w.Errorf("the changed message is %+v", log[2])
	}
}

// copyAsCurl runs the command that the page copies. It repeats the message, so it gets the same reply.
func copyAsCurl(s *service, w *tab) {
	const text = "it's \"$HOME\" `date` \\n 100 % שלום"
	w.paste(text)
	w.keys("\r")
	w.count(".in", 1)
	w.until(`!document.querySelector('#tools').hidden`)
	w.press("#curl")
	w.until(`document.querySelector('#curl').textContent === 'Copied'`)
	command := exec.Command("sh", "-c", w.clipboard())
	command.Env = append(command.Environ(), "NO_PROXY=*")
	printed, err := command.Output()
	if err != nil || !strings.Contains(string(printed), ">"+webhooktest.Greeting(1)+"<") {
		w.Errorf("the command prints %q, %v:\n%s", printed, err, w.clipboard())
	}
	w.count(".elsewhere .in", 1)
	if got := w.texts(".out .text"); !slices.Equal(got, []string{text, text}) {
		w.Errorf("the messages are %q", got)
	}
}

// ownPicture attaches a picture by its URL. The service requests it, and not the browser. It requests the picture of a
// message from elsewhere only when the person asks for it.
func ownPicture(s *service, w *tab) {
	host, last := files(w)
	w.press("[data-kind=mms]")
	w.until(`document.querySelector('.attachment img')?.naturalWidth > 1`)
	value[any](w, `document.querySelector('[name=media]').select(), document.querySelector('[name=media]').focus()`)
	w.paste(host + "/page.png")
	w.until(`document.querySelector('.attachment').textContent.includes('This URL leads to no picture')`)
	value[any](w, `document.querySelector('[name=media]').select()`)
	w.paste(host + "/a.png?own=1")
	w.until(`document.querySelector('.attachment img')?.naturalWidth === 1`)
	if got := last.Get("User-Agent"); !strings.HasPrefix(got, "Go-http-client") {
		w.Errorf("the picture was requested by %s", got)
	}
	w.keys("\r")
	w.count(".out img", 1)
	w.until(`document.querySelector('.attachment').hidden`)
	if x := s.exchanges("1", s.phones()[0].Entries[0])[0]; !strings.Contains(x.RequestBody, "own%3D1") {
		w.Errorf("the message is %s", x.RequestBody)
	}

	*last = nil
	sender := s.sender(from)
	form := sender.Form(webhooktest.NewSID(), "From elsewhere")
	form.Set("NumMedia", "1")
	form.Set("MediaUrl0", host+"/a.png?elsewhere=1")
	s.send(sender, "/sms", form, 200)
	w.count(".elsewhere .media button", 1)
	if *last != nil {
		w.Error("the picture was requested before the person asked for it")
	}
	w.press(".elsewhere .media button")
	w.count(".elsewhere img", 1)
	w.expectComplaints("400") // the browser reports the URL without a picture
}
