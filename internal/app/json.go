package app

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"smsession/internal/conversation"
	"smsession/internal/twilio"
)

const (
	maxJSON    = 128 << 10 // bytes of an answer
	maxData    = 16 << 10  // bytes of data without white space
	maxDepth   = 16        // levels of data; an object without objects and arrays has one
	maxReplies = 10        // after long texts were split; Twilio sends no more in reply to one message
)

// jsonProtocol is the protocol for new apps: a request with JSON, signed as Standard Webhooks 1.0 describes.
//
// See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
type jsonProtocol struct {
	site    site
	signers atomic.Pointer[[]*standardwebhooks.Webhook] // one for each secret
}

var _ protocol = (*jsonProtocol)(nil)

// NewJSON returns an App that calls an app with JSON. Each secret signs every call; a secret has 24 to 64 bytes, which
// NewJSON does not check.
func NewJSON(o Options, secrets [][]byte) *App {
	p := &jsonProtocol{site: site{public: o.PublicURL, address: o.URL}}
	p.setSecrets(secrets)
	return newApp(o, p)
}

// SetSecrets replaces the secrets of NewJSON. A call that has begun still uses the old ones. SetSecrets has no effect
// on the App of NewTwilio.
func (a *App) SetSecrets(secrets [][]byte) {
	if p, isJSON := a.protocol.(*jsonProtocol); isJSON {
		p.setSecrets(secrets)
	}
}

func (p *jsonProtocol) setSecrets(secrets [][]byte) {
	signers := make([]*standardwebhooks.Webhook, len(secrets))
	for i, secret := range secrets {
		signers[i], _ = standardwebhooks.NewWebhookRaw(secret) // the error is always nil
	}
	p.signers.Store(&signers)
}

func (p *jsonProtocol) respond(
	ctx context.Context, c *client, state conversation.State, m conversation.Message,
) (conversation.State, conversation.Reply, *failure) {
	now := time.Now()
	body := newEvent(state, m, now)
	r := &http.Request{
		Method: http.MethodPost, URL: p.site.webhook("").request(), Host: p.site.public.Host,
		Header: p.header(m.SID, now, body),
	}
	res, failure := c.send(ctx, r, body, maxJSON)
	switch {
	case res.status/100 == 3:
		failure = newFailure(Redirect, "The app answered %d. Redirects of this protocol are not followed.", res.status)
	case res.status != 0 && res.status/100 != 2: // even if the body is not complete
		failure = newFailure(Status, "The app answered %d %s.", res.status, http.StatusText(res.status))
	case failure == nil && len(res.body) > maxJSON:
		failure = newFailure(TooLarge, "The answer is larger than 128 KiB.")
	}
	if failure != nil || res.status == http.StatusNoContent {
		return state, conversation.Reply{}, failure
	}
	return readAnswer(res.body, state)
}

// header returns the header of a request. The timestamp and the signatures are those of this request, because a
// receiver refuses an old timestamp.
func (p *jsonProtocol) header(id string, now time.Time, body []byte) http.Header {
	h := p.site.header()
	h["Accept"] = []string{"application/json"}
	h["Content-Type"] = []string{"application/json"}
	h["User-Agent"] = []string{"smsession"}
	var signatures []string
	for _, signer := range *p.signers.Load() {
		signature, _ := signer.Sign(id, now, body) // the error is always nil
		signatures = append(signatures, signature)
	}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return h
}

// event is the body of a request.
type event struct {
	Type      string       `json:"type"`
	Timestamp time.Time    `json:"timestamp"`
	Message   eventMessage `json:"message"`
	Session   eventSession `json:"session"`
	Attempt   int          `json:"attempt"`
}

type eventMessage struct {
	SID        string            `json:"sid"`
	From       string            `json:"from"`
	To         string            `json:"to"`
	Body       string            `json:"body"`
	Media      []eventMedia      `json:"media"`
	Parameters map[string]string `json:"parameters"` // Twilio's other parameters
}

type eventMedia struct {
	URL  string `json:"url"`
	Type string `json:"type"`
}

type eventSession struct {
	Count   int64          `json:"count"`   // the messages that were answered before this one
	Began   *time.Time     `json:"began"`   // null for the first message
	Written *time.Time     `json:"written"` // null for the first message
	Data    jsontext.Value `json:"data"`
}

// jsonData is the form of an app's data in State.Data.
type jsonData struct {
	Data jsontext.Value `json:"data"`
}

// newEvent returns the body of the request about a message.
func newEvent(state conversation.State, m conversation.Message, now time.Time) []byte {
	e := event{
		Type:      "message.received",
		Timestamp: now.UTC().Truncate(time.Millisecond),
		Message:   eventMessage{SID: m.SID, From: m.From, To: m.To, Body: m.Body},
		Session:   eventSession{state.Counter, known(state.Began), known(state.Written), jsontext.Value("{}")},
		Attempt:   m.Attempt,
	}
	if m.Webhook != nil {
		form, _ := parameters(m.Webhook.Form)
		e.Message.Media, e.Message.Parameters = media(form), otherParameters(form)
	}
	var stored jsonData
	if err := jsonv2.Unmarshal(state.Data, &stored); err == nil && stored.Data.Kind() == '{' {
		e.Session.Data = stored.Data // data of another form is as if it were empty, after a change of the protocol
	}
	// The sender's bytes need not be UTF-8. Invalid ones become U+FFFD.
	body, err := jsonv2.Marshal(e, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err) // every field can be written as JSON
	}
	return body
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// media returns the media of a message, in order.
func media(form twilio.Form) []eventMedia {
	n, _ := strconv.Atoi(form.Get("NumMedia"))
	var all []eventMedia
	for i := range min(n, maxReplies) { // Twilio sends at most 10
		number := strconv.Itoa(i)
		all = append(all, eventMedia{form.Get("MediaUrl" + number), form.Get("MediaContentType" + number)})
	}
	return all
}

// otherParameters returns the parameters that the event does not show elsewhere.
func otherParameters(form twilio.Form) map[string]string {
	all := map[string]string{}
	for name := range form.All() {
		switch {
		case strings.HasPrefix(name, "MediaUrl"), strings.HasPrefix(name, "MediaContentType"):
		default:
			all[name] = form.Get(name)
		}
	}
	for _, name := range []string{"MessageSid", "SmsMessageSid", "SmsSid", "From", "To", "Body", "NumMedia"} {
		delete(all, name)
	}
	return all
}

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
	var a jsonAnswer
	if err := jsonv2.Unmarshal(body, &a, jsonv2.RejectUnknownMembers(true)); err != nil {
		return state, conversation.Reply{}, newFailure(NotJSON, "The answer is not JSON of the expected form: %s.", err)
	}
	reply, failed := a.reply()
	if failed == nil {
		state.Data, failed = a.data(state.Data)
	}
	state.HasEnded = a.End
	return state, reply, failed
}

func (a jsonAnswer) reply() (conversation.Reply, *failure) {
	replies := a.Replies
	switch {
	case a.Reply != nil && a.Replies != nil:
		return conversation.Reply{}, newFailure(Replies, "The answer has both reply and replies.")
	case a.Reply != nil:
		replies = []jsonReply{{Body: *a.Reply}}
	}
	var all []twilio.Outgoing
	var texts []string
	hasMedia := false
	for i, r := range replies {
		if strings.TrimSpace(r.Body) == "" && len(r.Media) == 0 {
			return conversation.Reply{}, newFailure(Replies, "Reply %d has neither a body nor media.", i+1)
		}
		for i, text := range split(r.Body) {
			one := twilio.Outgoing{Text: text}
			if i == 0 {
				one.Media, hasMedia = r.Media, hasMedia || len(r.Media) > 0
			}
			all, texts = append(all, one), append(texts, text)
		}
	}
	if len(all) > maxReplies {
		return conversation.Reply{}, newFailure(Replies, "There are %d replies after long texts were split. "+
			"At most %d are allowed.", len(all), maxReplies)
	}
	reply := conversation.Reply{Texts: texts}
	document := twilio.MediaTwiML(all)
	if len(document) > maxFinished {
		return conversation.Reply{}, tooLarge(len(document))
	}
	if hasMedia {
		reply = conversation.Reply{TwiML: string(document)}
	}
	return reply, nil
}

// data returns a state's Data after an answer. before is the Data before it.
func (a jsonAnswer) data(before json.RawMessage) (json.RawMessage, *failure) {
	switch a.Data.Kind() {
	case 0:
		return before, nil
	case 'n':
		return nil, nil
	case '{':
	default:
		return nil, newFailure(Data, "data is not an object.")
	}
	compact := jsontext.Value(bytes.Clone(a.Data))
	if err := compact.Compact(); err != nil {
		return nil, newFailure(Data, "data cannot be stored: %s.", err)
	}
	switch depth := depthOf(compact); {
	case len(compact) > maxData:
		return nil, newFailure(Data, "data has %d bytes. At most %d are allowed.", len(compact), maxData)
	case depth > maxDepth:
		return nil, newFailure(Data, "data has %d levels. At most %d are allowed.", depth, maxDepth)
	case string(compact) == "{}":
		return nil, nil
	}
	stored, err := jsonv2.Marshal(jsonData{compact})
	if err != nil {
		panic(err) // data is valid JSON
	}
	return stored, nil
}

// depthOf returns how many levels of objects and arrays a valid JSON value has.
func depthOf(value jsontext.Value) (deepest int) {
	d := jsontext.NewDecoder(bytes.NewReader(value))
	for {
		if _, err := d.ReadToken(); err != nil {
			return deepest
		}
		deepest = max(deepest, d.StackDepth())
	}
}
