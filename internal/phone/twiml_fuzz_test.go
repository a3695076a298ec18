package phone

import (
	"net/http"
	"reflect"
	"testing"
	"unicode/utf8"
)

// FuzzJudge holds every response to what deliver relies on.
func FuzzJudge(f *testing.F) {
	f.Add(200, "text/xml", hello)
	f.Add(200, "text/plain; charset=utf-8", "Hello")
	f.Add(204, "", "")
	f.Add(500, "text/html", "<html>")
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		d := judge(judgedURL, status, http.Header{"Content-Type": {contentType}}, []byte(body))
		if d.failed && (d.verbs != nil || len(numbers(d.findings, false)) == 0) {
			t.Fatalf("a document that failed says something, or not why: %+v", d)
		}
		messages := 0
		for i, v := range d.verbs {
			if v.kind == verbRedirect {
				if i != len(d.verbs)-1 || v.body != "" || v.media != nil || v.action != "" || v.method != "GET" && v.method != "POST" {
					t.Fatalf("no redirect: %+v", d)
				}
				continue
			}
			messages++
			checkMessage(t, v)
			if v.action != "" && i != len(d.verbs)-1 {
				t.Fatalf("something follows an action: %+v", d)
			}
		}
		if messages > 10 {
			t.Fatalf("%d messages", messages)
		}
		for _, finding := range d.findings {
			if finding.Detail == "" || finding.URL != judgedURL || !utf8.ValidString(finding.Detail) {
				t.Fatalf("no finding: %+v", finding)
			}
		}
	})
}

func checkMessage(t *testing.T, v verb) {
	if blank(v.body) && len(v.media) == 0 || utf8.RuneCountInString(v.body) > 1600 || len(v.media) > 10 || !utf8.ValidString(v.body) {
		t.Fatalf("a message that cannot go out: %+v", v)
	}
	if (v.action == "") != (v.method == "") || v.url != "" {
		t.Fatalf("a method without an action, or the other way round: %+v", v)
	}
}

// FuzzQuickVerbs holds the short way to the long one, encoding/xml: what the short one takes, both judge alike. The text
// is tried as a document, as a message and as a Body.
func FuzzQuickVerbs(f *testing.F) {
	f.Add(hello)
	f.Add("<Response><Message>&lt;&amp;&#39;&#xA;]]&gt;</Message>\n</Response>\n")
	f.Add("<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<Response />")
	f.Add("<Response><Message><Body>\U0001F44D</Body></Message><Message><Body> </Body></Message></Response>")
	f.Fuzz(func(t *testing.T, body string) {
		for _, document := range []string{body, in("<Message>" + body + "</Message>"), in("<Message><Body>" + body + "</Body></Message>")} {
			quick, ok := quickVerbs([]byte(document))
			if !ok {
				continue
			}
			short, long := judgement{url: judgedURL}, judgement{url: judgedURL}
			short.verbs = quick
			short.enforce()
			long.interpret([]byte(document))
			long.enforce()
			if !reflect.DeepEqual(short, long) {
				t.Fatalf("%q is %+v the short way, and %+v the long one", document, short, long)
			}
		}
	})
}

// What the long way refuses, the short way does not take. The other way round would make the fuzz test idle.
func TestTheCommonDocumentsAreReadTheShortWay(t *testing.T) {
	for _, document := range []string{
		hello,
		`<?xml version="1.0" encoding="UTF-8"?><Response/>`,
		`<?xml version="1.0" encoding="UTF-8"?><Response></Response>`,
		`<?xml version="1.0" encoding="UTF-8"?><Response><Message><Body>Hello</Body></Message></Response>`,
		"<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<Response>\r\n  <Message>It&#39;s 👍</Message>\r\n</Response>",
		"<Response><Message>a</Message><Message>b</Message></Response>\n",
	} {
		if _, ok := quickVerbs([]byte(document)); !ok {
			t.Errorf("%q is not", document)
		}
	}
	for _, row := range malformedDocuments() {
		if verbs, ok := quickVerbs([]byte(row.document)); ok {
			t.Errorf("%s is: %+v", row.name, verbs)
		}
	}
}
