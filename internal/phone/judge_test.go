package phone

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

const judgedURL = "https://sms.example.com/sms"

// judged is what a row of the tables expects. Verbs are written as say writes them.
type judged struct {
	verbs    []string
	errors   []int
	warnings []int // the numbers; 0 for a warning that has none
	failed   bool
}

func (want judged) check(t *testing.T, got document) {
	t.Helper()
	if verbs := said(got.verbs); !slices.Equal(verbs, want.verbs) {
		t.Errorf("verbs %q, want %q", verbs, want.verbs)
	}
	if got.failed != want.failed {
		t.Errorf("failed %t, want %t", got.failed, want.failed)
	}
	if errors := numbers(got.findings, false); !slices.Equal(errors, want.errors) {
		t.Errorf("errors %v, want %v: %v", errors, want.errors, got.findings)
	}
	if warnings := numbers(got.findings, true); !slices.Equal(warnings, want.warnings) {
		t.Errorf("warnings %v, want %v: %v", warnings, want.warnings, got.findings)
	}
	for _, f := range got.findings {
		if f.URL != judgedURL || !strings.HasSuffix(f.Detail, ".") {
			t.Errorf("a finding has no URL or no sentence: %+v", f)
		}
	}
}

func numbers(findings []Finding, warnings bool) []int {
	var all []int
	for _, f := range findings {
		if f.Warning == warnings {
			all = append(all, f.Code)
		}
	}
	return all
}

// said writes verbs down: a message's text, and behind it in brackets whatever else it has.
func said(verbs []verb) []string {
	var all []string
	for _, v := range verbs {
		text := v.body
		if v.kind == verbRedirect {
			text = "redirect " + v.url
		}
		for _, part := range []struct{ name, value string }{
			{"to", v.to}, {"from", v.from}, {"media", strings.Join(v.media, " ")}, {"action", v.action}, {"method", v.method},
		} {
			if part.value != "" {
				text += "[" + part.name + " " + part.value + "]"
			}
		}
		all = append(all, text)
	}
	return all
}

func judgeText(contentType, body string) document {
	return judge(judgedURL, http.StatusOK, http.Header{"Content-Type": {contentType}}, []byte(body))
}

const hello = `<?xml version="1.0" encoding="UTF-8"?><Response><Message>Hello</Message></Response>`

func TestStatus(t *testing.T) {
	xml := http.Header{"Content-Type": {"text/xml"}}
	for _, row := range []struct {
		name   string
		status int
		header http.Header
		body   string
		want   judged
	}{
		{"200 is an answer", 200, xml, hello, judged{verbs: []string{"Hello"}}},
		{"400 is an error", 400, xml, hello, judged{errors: []int{11217}, failed: true}},
		{"403 is an error", 403, xml, hello, judged{errors: []int{11217}, failed: true}},
		{"429 is an error: webhooks do not support rate limits", 429, xml, hello, judged{errors: []int{11217}, failed: true}},
		{"500 is an error", 500, xml, hello, judged{errors: []int{11217}, failed: true}},
		{"503 is an error, with TwiML too", 503, xml, hello, judged{errors: []int{11217}, failed: true}},
		{"599 is an error", 599, nil, "", judged{errors: []int{11217}, failed: true}},
		{"600 is no answer", 600, xml, hello, judged{errors: []int{11200}, failed: true}},
		{"101 is no answer", 101, nil, "", judged{errors: []int{11200}, failed: true}},
		{"a redirect that was not followed is no answer", 304, nil, "", judged{errors: []int{11200}, failed: true}},
		{"204 says nothing, and that it may is not certain", 204, nil, "", judged{warnings: []int{0}}},
		{"202 without a document says nothing, likewise", 202, xml, "", judged{warnings: []int{0}}},
		{"201 with a document is one, with a warning", 201, xml, hello, judged{verbs: []string{"Hello"}, warnings: []int{0}}},
		{"an empty 200 of XML is no document", 200, xml, "", judged{errors: []int{12100}, failed: true}},
		{"an empty 200 without a type has no type", 200, nil, "", judged{errors: []int{11200}, failed: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.check(t, judge(judgedURL, row.status, row.header, []byte(row.body)))
		})
	}
}

// The types of https://www.twilio.com/docs/messaging/twiml, "Twilio understands MIME types".
func TestContentType(t *testing.T) {
	spoken := judged{verbs: []string{"Hello"}}
	refused := judged{errors: []int{12300}, failed: true}
	latin := strings.Replace(hello, "Hello", "Olá", 1)
	for _, row := range []struct {
		name, contentType, body string
		want                    judged
	}{
		{"text/xml is TwiML", "text/xml", hello, spoken},
		{"with a charset", "text/xml; charset=utf-8", hello, spoken},
		{"with a charset in quotes and capitals", `text/xml;charset="UTF-8"`, hello, spoken},
		{"in capitals", "Text/XML", hello, spoken},
		{"with another parameter", "text/xml; boundary=x", hello, spoken},
		{"with a broken parameter", "text/xml; charset", hello, spoken},
		{"with a semicolon alone", "text/xml;", hello, spoken},
		{"application/xml is TwiML", "application/xml", hello, spoken},
		{"text/html is TwiML", "text/html; charset=utf-8", hello, spoken},
		{"a page of HTML is not", "text/html", "<!DOCTYPE html><html><body>Not found</body></html>", judged{errors: []int{12102}, warnings: []int{0}, failed: true}},
		{"nor one that is no XML", "text/html", "<html><br></html>", judged{errors: []int{12100}, failed: true}},
		{"application/json is not", "application/json", hello, refused},
		{"application/xhtml+xml is not", "application/xhtml+xml", hello, refused},
		{"a type that is none is not", "xml", hello, refused},
		{"none is an error", "", hello, judged{errors: []int{11200}, failed: true}},
		{"white space is none", " ", hello, judged{errors: []int{11200}, failed: true}},
		{"another charset does not matter to ASCII", "text/xml; charset=iso-8859-1", hello, spoken},
		{"but else it is not certain", "text/xml; charset=iso-8859-1", latin, judged{verbs: []string{"Olá"}, warnings: []int{0}}},
		{"text/plain is texted as it stands, with a warning", "text/plain; charset=utf-8", "Internal Server Error", judged{verbs: []string{"Internal Server Error"}, warnings: []int{0}}},
		{"TwiML under text/plain too", "text/plain", "<Response/>", judged{verbs: []string{"<Response/>"}, warnings: []int{0}}},
		{"with its last line feed, of which that is not certain", "text/plain", "OK\n", judged{verbs: []string{"OK\n"}, warnings: []int{0, 0}}},
		{"bytes of text/plain that are not UTF-8 are replaced", "text/plain", "Ol\xe1", judged{verbs: []string{"Ol\uFFFD"}, warnings: []int{0, 0}}},
		{"an empty text/plain says nothing, which is not certain", "text/plain", "", judged{warnings: []int{14103}}},
		{"a long text/plain is no message", "text/plain", strings.Repeat("a", 1601), judged{errors: []int{14103}, warnings: []int{0}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.check(t, judgeText(row.contentType, row.body))
		})
	}
}

func TestTheResponseHasAtMost64kB(t *testing.T) {
	padded := func(size int) string { return hello + strings.Repeat(" ", size-len(hello)) }
	for _, row := range []struct {
		name string
		body string
		want judged
	}{
		{"64,000 bytes are taken", padded(64_000), judged{verbs: []string{"Hello"}}},
		{"65,536 are, but it may be that 64 kB are 64,000", padded(65_536), judged{verbs: []string{"Hello"}, warnings: []int{11750}}},
		{"65,537 are not", padded(65_537), judged{errors: []int{11750}, failed: true}},
		{"of any type", strings.Repeat("a", 65_537), judged{errors: []int{11750}, failed: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.check(t, judgeText("text/xml", row.body))
		})
	}
	judged{errors: []int{11750}, failed: true}.check(t, judgeText("application/json", strings.Repeat("a", 65_537)))
	judged{errors: []int{11217}, failed: true}.check(t, judge(judgedURL, 500, nil, make([]byte, 65_537)))
}
