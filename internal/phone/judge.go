package phone

import (
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxBody is the largest response that Twilio reads, 64 kB (https://www.twilio.com/docs/api/errors/11750). That it
// means 65,536 bytes and not 64,000 is not said.
const maxBody = 64 << 10

// document is what Twilio makes of one response.
type document struct {
	verbs    []verb    // in order, ready to be executed; nil if it cannot be executed
	findings []Finding // errors and warnings
	failed   bool      // Twilio could not retrieve or execute it: the fallback is next
}

type verbKind int

const (
	verbMessage verbKind = iota
	verbRedirect
)

// verb is one instruction. A message has a body, media or both; to and from are empty where the document leaves them
// to Twilio. The method is that of the action or the redirect, GET or POST, and set only with one.
type verb struct {
	kind     verbKind
	body     string
	media    []string
	to, from string
	action   string // of a message: where the next document is; "" if the flow goes on in this one
	method   string
	url      string // of a redirect: where the next document is, as it is written
}

// judge reads a whole response as Twilio would. It never fails: what is wrong stands in the findings, each with url,
// the exchange's. The body has no content encoding any more and may have been cut off behind maxBody. Redirects are
// followed before; here they are no answer.
//
// What keeps Twilio from getting or understanding the document fails it, and the fallback URL is next: a status, a
// size, a type, and XML that is not TwiML. What is wrong with one message costs that message alone.
func judge(url string, status int, header http.Header, body []byte) document {
	j := judgement{url: url}
	switch {
	case status >= 400 && status <= 599:
		j.fail(11217, "The server answered %d.", status)
	case status < 200 || status > 299:
		j.fail(11200, "The server answered %d, which is no answer to a webhook.", status)
	case len(body) > maxBody:
		j.fail(11750, "The response is larger than 64 kB.")
	case status != http.StatusOK && len(body) == 0:
		j.caution(0, "The server answered %d without a document. That Twilio takes it for an empty Response is not confirmed.", status)
	default:
		j.read(status, header.Get("Content-Type"), body)
	}
	return j.document
}

// judgement is a document in the making.
type judgement struct {
	document
	url string
}

func (j *judgement) fault(code int, format string, args ...any) {
	j.findings = append(j.findings, fault(code, fmt.Sprintf(format, args...), j.url))
}

func (j *judgement) caution(code int, format string, args ...any) {
	j.findings = append(j.findings, caution(code, fmt.Sprintf(format, args...), j.url))
}

// fail is a fault that keeps Twilio from executing anything of the document. It comes before the first verb.
func (j *judgement) fail(code int, format string, args ...any) {
	j.fault(code, format, args...)
	j.failed = true
}

// read reads a response that arrived whole. An empty one with a type of XML is no document (12100 names the missing
// root among its causes), and one without a type is an error whatever it holds (11200 names that).
// The types are those of https://www.twilio.com/docs/messaging/twiml.
func (j *judgement) read(status int, contentType string, body []byte) {
	if status != http.StatusOK {
		j.caution(0, "The server answered %d. Twilio asks for a status of 2xx, and its examples all answer 200.", status)
	}
	if len(body) > 64_000 {
		j.caution(11750, "The response is larger than 64,000 bytes. Which kB Twilio's limit of 64 is of is not confirmed.")
	}
	kind, charset := mediaType(contentType)
	switch kind {
	case "text/xml", "application/xml", "text/html":
		j.checkCharset(charset, body)
		j.twiml(body)
	case "text/plain":
		j.checkCharset(charset, body)
		j.plain(body)
	case "":
		j.fail(11200, "The response has no Content-Type.")
	default:
		j.fail(12300, "The Content-Type %s is none that Twilio reads.", quote(kind))
	}
}

// mediaType takes a Content-Type apart. What follows a type that can be read may be broken.
func mediaType(contentType string) (kind, charset string) {
	kind, parameters, _ := strings.Cut(contentType, ";")
	kind, parameters = strings.ToLower(strings.TrimSpace(kind)), strings.TrimSpace(parameters)
	if parameters == "" || strings.EqualFold(parameters, "charset=utf-8") {
		return kind, "utf-8"
	}
	_, all, err := mime.ParseMediaType(contentType)
	if err != nil || all["charset"] == "" {
		return kind, "utf-8"
	}
	return kind, strings.ToLower(all["charset"])
}

// checkCharset warns of another charset than UTF-8 where it would matter. A document is read by its own declaration.
func (j *judgement) checkCharset(charset string, body []byte) {
	if charset != "utf-8" && !ascii(body) {
		j.caution(0, "The Content-Type has the charset %s. Whether Twilio goes by it is not confirmed; here it is not gone by.", quote(charset))
	}
}

// plain makes one message of the whole text, as Twilio does with text/plain.
func (j *judgement) plain(body []byte) {
	text := string(body)
	if !utf8.Valid(body) {
		text = strings.ToValidUTF8(text, "\uFFFD")
		j.caution(0, "The text is not UTF-8. What Twilio makes of such bytes is not confirmed.")
	}
	if blank(text) {
		j.caution(14103, "The response is an empty text. That Twilio takes it for an empty Response is not confirmed.")
		return
	}
	j.caution(0, "Twilio texts a response of text/plain to the sender as it stands, error pages too.")
	j.verbs = []verb{{kind: verbMessage, body: text}}
	j.enforce()
}

func ascii(body []byte) bool {
	for _, b := range body {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// quote quotes what the server sent.
func quote(text string) string { return fmt.Sprintf("%q", clip(text)) }

// clip cuts what the server sent to what fits into a sentence.
func clip(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
