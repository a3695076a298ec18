package app_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"

	"smsession/internal/conversation"
)

// jsonMessage is a message as an app writes it, and as Twilio reads it.
type jsonMessage struct {
	Body  string
	Media []string
}

const oldData = `{"data":{"step":2}}`

// checkJSON compares the state and the reply after an answer with what encoding/json reads in it. Before, the state had
// oldData.
func checkJSON(t *testing.T, body string, after conversation.State, reply conversation.Reply) {
	t.Helper()
	var answer struct {
		Reply   *string
		Replies []jsonMessage
		Data    json.RawMessage
		End     bool
	}
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&answer); err != nil || !json.Valid([]byte(body)) {
		t.Fatalf("%q is accepted: %v", body, err)
	}
	if after.Counter != 0 || after.HasEnded != answer.End || string(after.Data) != dataAfter(t, answer.Data) {
		t.Fatalf("after %s, the state is %+v", body, after)
	}
	if answer.Reply != nil {
		answer.Replies = append(answer.Replies, jsonMessage{Body: *answer.Reply})
	}
	checkMessages(t, body, answer.Replies, reply)
}

// dataAfter returns the data of the state after an answer with some data.
func dataAfter(t *testing.T, given json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, given); err != nil && given != nil {
		t.Fatal(err)
	}
	depth := 0
	d := json.NewDecoder(bytes.NewReader(given))
	for token, err := d.Token(); err != io.EOF; token, err = d.Token() {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > 16 || b.Len() > 16<<10 {
			t.Fatalf("the data %s are accepted", given)
		}
	}
	switch text := b.String(); text {
	case "":
		return oldData
	case "null", "{}":
		return ""
	default:
		return `{"data":` + text + `}`
	}
}

// checkMessages checks that a reply has the messages of an answer, of which long texts are split.
func checkMessages(t *testing.T, body string, want []jsonMessage, reply conversation.Reply) {
	t.Helper()
	got, convert := messagesOf(t, reply)
	if len(got) > 10 {
		t.Fatalf("%s becomes %d messages", body, len(got))
	}
	for _, m := range want {
		if units(m.Body) > 1600 && strings.ContainsAny(m.Body, "\v\f") {
			return // white space that XML does not allow is dropped or replaced, depending on where the text is split
		}
		text := ""
		if strings.TrimSpace(m.Body) != "" {
			text = convert(m.Body)
		}
		parts := 1
		for parts < len(got) && withoutSpace(joined(got[:parts])) != withoutSpace(text) {
			parts++
		}
		if len(got) == 0 || withoutSpace(joined(got[:parts])) != withoutSpace(text) ||
			units(text) <= 1600 && (parts > 1 || got[0].Body != text) || !slices.Equal(got[0].Media, convertAll(m.Media,
			convert)) {
			t.Fatalf("%s becomes %+v", body, got)
		}
		for i, part := range got[:parts] {
			if units(part.Body) > 1600 || i > 0 && len(part.Media) > 0 {
				t.Fatalf("%s is split into %+v", body, got[:parts])
			}
		}
		got = got[parts:]
	}
	if len(got) > 0 {
		t.Fatalf("%s becomes %+v, too", body, got)
	}
}

// messagesOf returns the messages of a reply, and a function that replaces the characters that the form of the reply
// cannot contain.
func messagesOf(t *testing.T, reply conversation.Reply) (all []jsonMessage, convert func(string) string) {
	for _, text := range reply.Texts {
		all = append(all, jsonMessage{Body: text})
	}
	if reply.TwiML == "" {
		return all, func(text string) string { return text }
	}
	var response struct {
		Messages []struct {
			Text string `xml:",chardata"`
			jsonMessage
		} `xml:"Message"`
	}
	if err := xml.Unmarshal([]byte(reply.TwiML), &response); err != nil || len(reply.Texts) > 0 {
		t.Fatalf("the reply is %+v: %v", reply, err)
	}
	for _, m := range response.Messages {
		all = append(all, jsonMessage{m.Text + m.Body, m.Media})
	}
	return all, toXML
}

func convertAll(texts []string, convert func(string) string) (all []string) {
	for _, text := range texts {
		all = append(all, convert(text))
	}
	return all
}

func joined(messages []jsonMessage) (text string) {
	for _, m := range messages {
		text += m.Body
	}
	return text
}

func withoutSpace(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
}

func units(text string) int { return len(utf16.Encode([]rune(text))) }
