package app

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"smsession/internal/conversation"
	"smsession/internal/twilio"
)

const maxReplies = 10 // after long texts were split; Twilio sends no more in reply to one message

// jsonAnswer is the body of an answer. A missing field and null are the same, except for Data.
type jsonAnswer struct {
	Reply   *string        `json:"reply"`
	Replies []jsonReply    `json:"replies"`
	Data    jsontext.Value `json:"data"` // nil if it is missing
	End     bool           `json:"end"`
}

type jsonReply struct {
	Body  string   `json:"body"`
	Media []string `json:"media"`
}

// readAnswer returns the state and the reply of an answer. Unknown fields are faults, because they are usually typing
// errors.
func readAnswer(body []byte, state conversation.State) (conversation.State, conversation.Reply, *failure) {
	var a *jsonAnswer
	switch err := jsonv2.Unmarshal(body, &a, jsonv2.RejectUnknownMembers(true)); {
	case err != nil:
		return state, conversation.Reply{}, newFailure(NotJSON, "%s.", formProblem(err))
	case a == nil:
		return state, conversation.Reply{}, newFailure(NotJSON, "The answer is null, not an object.")
	}
	messages, failed := a.messages()
	if failed != nil {
		return state, conversation.Reply{}, failed
	}
	reply, failed := replyOf(messages)
	if failed == nil {
		state.Data, failed = newData(state.Data, a.Data)
	}
	state.HasEnded = a.End
	return state, reply, failed
}

// formProblem returns a sentence about an error of an answer, for the developer of the app, without its full stop.
func formProblem(err error) string {
	if wrong, isWrong := errors.AsType[*jsontext.SyntacticError](err); isWrong {
		return fmt.Sprintf("The answer is not valid JSON: %v at byte %d", wrong.Err, wrong.ByteOffset)
	}
	wrong, isWrong := errors.AsType[*jsonv2.SemanticError](err)
	if !isWrong {
		return "The answer is not valid JSON: it is empty, or ends too early"
	}
	field := "answer"
	if path := strings.TrimPrefix(string(wrong.JSONPointer), "/"); path != "" {
		field = fmt.Sprintf("field %.100q of the answer", path)
	}
	if errors.Is(err, jsonv2.ErrUnknownName) {
		return "The " + field + " is unknown. An answer may have reply, replies, data and end, " +
			"and each of the replies body and media"
	}
	return "The " + field + " must be " + expected(wrong.GoType)
}

// expected describes the JSON for the type of an answer or of one of its fields.
func expected(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[bool]():
		return "true or false"
	case reflect.TypeFor[string]():
		return "a string"
	case reflect.TypeFor[[]string]():
		return "a list of strings"
	case reflect.TypeFor[[]jsonReply]():
		return "a list of objects with body and media"
	case reflect.TypeFor[jsonReply]():
		return "an object with body and media"
	}
	return "an object"
}

// messages returns the messages of an answer. Long texts are split, and media go with the first part.
func (a *jsonAnswer) messages() ([]twilio.Outgoing, *failure) {
	replies := a.Replies
	if a.Reply != nil {
		replies = []jsonReply{{Body: *a.Reply}}
	}
	if a.Reply != nil && a.Replies != nil {
		return nil, newFailure(Replies, "The answer has both reply and replies.")
	}
	var all []twilio.Outgoing
	for i, r := range replies {
		isBlank := func(text string) bool { return strings.TrimSpace(text) == "" }
		switch {
		case isBlank(r.Body) && len(r.Media) == 0:
			return nil, newFailure(Replies, "Reply %d has neither a body nor media.", i+1)
		case slices.ContainsFunc(r.Media, isBlank):
			return nil, newFailure(Replies, "Reply %d has media with an empty URL.", i+1)
		}
		first := len(all)
		for _, text := range split(r.Body) {
			all = append(all, twilio.Outgoing{Text: text})
		}
		all[first].Media = r.Media
	}
	if len(all) > maxReplies {
		return nil, newFailure(Replies, "There are %d replies after long texts were split. At most %d are allowed.",
			len(all), maxReplies)
	}
	return all, nil
}

// replyOf returns the reply with some messages: texts, or a TwiML document if there are media.
func replyOf(messages []twilio.Outgoing) (conversation.Reply, *failure) {
	var reply conversation.Reply
	hasMedia := false
	for _, m := range messages {
		hasMedia = hasMedia || len(m.Media) > 0
		reply.Texts = append(reply.Texts, m.Text)
	}
	document := twilio.MediaTwiML(messages)
	switch {
	case len(document) > maxFinished:
		return conversation.Reply{}, tooLarge(len(document))
	case hasMedia:
		return conversation.Reply{TwiML: string(document)}, nil
	}
	return reply, nil
}

// maxUnits is the size of the longest text that Twilio sends, 1,600 characters
// (https://www.twilio.com/docs/api/errors/21617). A character outside the Basic Multilingual Plane counts as two.
const maxUnits = 1600

// split splits a text into parts of at most 1,600 UTF-16 units. It splits at white space, which it drops, and never
// within a character. A text that fits is returned unchanged; other parts neither begin nor end with white space. A
// blank text is one empty part.
func split(text string) []string {
	if strings.TrimSpace(text) == "" {
		return []string{""}
	}
	var parts []string
	for {
		end := fitting(text)
		if end == len(text) {
			return append(parts, text)
		}
		// A word that ends exactly at the limit is not split.
		if space := strings.LastIndexFunc(text[:end], unicode.IsSpace); space > 0 && !startsWithSpace(text[end:]) {
			end = space
		}
		part := strings.TrimSpace(text[:end])
		text = strings.TrimLeftFunc(text[end:], unicode.IsSpace)
		if part != "" {
			parts = append(parts, part)
		}
		if text = strings.TrimSpace(text); text == "" {
			return parts
		}
	}
}

// fitting returns how many bytes of a text have at most maxUnits UTF-16 units.
func fitting(text string) int {
	units := 0
	for i, r := range text {
		if units += max(utf16.RuneLen(r), 1); units > maxUnits {
			return i
		}
	}
	return len(text)
}

func startsWithSpace(text string) bool {
	return strings.IndexFunc(text, unicode.IsSpace) == 0
}
