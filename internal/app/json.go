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
)

const maxJSON = 128 << 10 // bytes of an answer

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
	p := &jsonProtocol{site: newSite(o)}
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
	at := p.site.webhook("")
	r := &http.Request{
		Method: http.MethodPost, URL: at.request(), Host: p.site.host,
		Header: p.header(m.SID, now, body),
	}
	res, failure := c.send(ctx, r, string(body), maxJSON)
	switch {
	case res.status/100 == 3:
		failure = p.site.moved(at, res)
	case res.status != 0 && res.status/100 != 2: // even if the body is not complete
		failure = p.site.badStatus(res.status)
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

const (
	maxData  = 16 << 10 // bytes of data without white space
	maxDepth = 16       // levels of data; an object without objects and arrays has one
)

// unwrap returns the data of an app in a state's Data. Data of another form are as if they were empty, for example
// after the protocol of the app was changed.
func unwrap(stored json.RawMessage) jsontext.Value {
	var s struct {
		Data jsontext.Value `json:"data"`
	}
	if err := jsonv2.Unmarshal(stored, &s); err != nil || s.Data.Kind() != '{' {
		return jsontext.Value("{}")
	}
	return s.Data
}

// wrap returns a state's Data with the data of an app. The data are stored as they are, so that redis-cli shows them.
func wrap(data jsontext.Value) json.RawMessage {
	return json.RawMessage(`{"data":` + string(data) + `}`)
}

// newData returns a state's Data after an answer. before is the Data before it, and given is what the answer has as its
// data: nil if it has none.
func newData(before json.RawMessage, given jsontext.Value) (json.RawMessage, *failure) {
	switch given.Kind() {
	case 0:
		return before, nil
	case 'n':
		return nil, nil
	case '{':
	default:
		return nil, newFailure(Data, "The data are not an object.")
	}
	if err := given.Compact(); err != nil {
		return nil, newFailure(Data, "The data cannot be stored: %s.", err)
	}
	switch depth := depthOf(given); {
	case len(given) > maxData:
		return nil, newFailure(Data, "The data have %d bytes. At most %d are allowed.", len(given), maxData)
	case depth > maxDepth:
		return nil, newFailure(Data, "The data have %d levels. At most %d are allowed.", depth, maxDepth)
	case string(given) == "{}":
		return nil, nil
	}
	return wrap(given), nil
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
