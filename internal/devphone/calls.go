package devphone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"smsession/internal/app"
	"smsession/internal/conversation"
)

// The limits of what the page remembers of the calls of the app: 100 calls with 64 KiB of headers and bodies, and with
// two states of at most 32 KiB, are at most 13 MB.
const (
	maxCalls       = 100
	maxCallText    = 64 << 10 // bytes of the headers and bodies of one call
	maxBodyText    = 16 << 10 // bytes of one header or body
	maxHeaderLines = 50       // of one request or answer
)

// calls are the last calls of the app, the oldest first. It is safe for concurrent use.
type calls struct {
	mu     sync.Mutex
	list   []call
	lastID int // the ID of the newest call
}

// call is a call of the app, as the page shows it.
type call struct {
	id  int
	sid string

	Attempt   int            `json:"attempt"`
	Took      time.Duration  `json:"took_ns"`
	Fault     string         `json:"fault"`   // the fixed word of the error, "" if there is none
	Problem   string         `json:"problem"` // a sentence about the error
	Before    [][2]string    `json:"before"`  // the names and values of the state, as in the record
	After     [][2]string    `json:"after"`
	HasEnded  bool           `json:"has_ended"` // the session has ended with this call, so After is not kept
	Exchanges []callExchange `json:"exchanges"`
}

// callExchange is one request to the app and its answer.
type callExchange struct {
	Method       string        `json:"method"`
	URL          string        `json:"url"`
	Header       [][2]string   `json:"header"`
	Body         excerpt       `json:"body"`
	Tries        int           `json:"tries"`
	Took         time.Duration `json:"took_ns"`
	Status       int           `json:"status"` // 0 if there was no answer
	AnswerHeader [][2]string   `json:"answer_header"`
	Answer       excerpt       `json:"answer"`
}

// excerpt is the beginning of a body.
type excerpt struct {
	Text   string `json:"text"` // in UTF-8: each sequence of other bytes is replaced by U+FFFD; JSON is indented
	Bytes  int    `json:"bytes"`
	IsCut  bool   `json:"is_cut"`
	IsUTF8 bool   `json:"is_utf8"` // the whole body
}

// ObserveCall stores a call of the app for the page. It keeps only a part of a large call. It does not block.
func (p *Page) ObserveCall(c app.Call) {
	left := room(maxCallText)
	shown := call{
		sid: c.SID, Attempt: c.Attempt, Took: c.Took, Before: values(c.Before), After: values(c.After),
		HasEnded: c.HasEnded, Exchanges: []callExchange{},
	}
	switch {
	case errors.Is(c.Err, conversation.ErrWaited):
		shown.Fault = "waited"
		shown.Problem = "The app was not called, because too little time was left for its answer."
	case c.Err != nil:
		shown.Fault, shown.Problem = c.Err.Error(), c.Problem
	}
	if c.Code != 0 {
		shown.Problem = fmt.Sprintf("Twilio would report error %d. %s", c.Code, shown.Problem)
	}
	for _, x := range c.Exchanges {
		shown.Exchanges = append(shown.Exchanges, callExchange{
			Method: x.Method, URL: left.cut(x.URL).Text, Header: left.header(x.Header), Body: left.body(x.Body),
			Tries: x.Tries, Took: x.Took,
			Status: x.Status, AnswerHeader: left.header(x.AnswerHeader), Answer: left.body(x.Answer),
		})
	}
	p.calls.put(shown)
}

// put stores a call. If there are then too many calls, it drops the oldest one.
func (c *calls) put(new call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID++
	new.id = c.lastID
	c.list = append(c.list, new)
	if len(c.list) > maxCalls {
		c.list = slices.Delete(c.list, 0, 1)
	}
}

// last returns the ID of the newest call, or 0.
func (c *calls) last() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastID
}

// of returns the calls for a message whose IDs are greater than after and at most last.
func (c *calls) of(sid string, after, last int) []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []call{}
	for _, one := range c.list {
		if one.sid == sid && one.id > after && one.id <= last {
			found = append(found, one)
		}
	}
	return found
}

// lastFault returns the fault of the last call that failed, and a sentence about it. They are empty if no call failed.
func lastFault(all []call) (fault, problem string) {
	for _, one := range slices.Backward(all) {
		if one.Fault != "" {
			return one.Fault, one.Problem
		}
	}
	return "", ""
}

// room is how many bytes of a call may still be stored.
type room int

// cut returns as much of a text as there is room for.
func (r *room) cut(text string) excerpt {
	n := min(len(text), maxBodyText, int(*r))
	*r -= room(n)
	return excerpt{
		Text:  strings.Clone(strings.ToValidUTF8(text[:n], "\uFFFD")), // a clone does not keep the rest in memory
		Bytes: len(text), IsCut: n < len(text), IsUTF8: utf8.ValidString(text),
	}
}

// body returns a body. It indents JSON if there is room for it. A browser could not do this, because it would round
// large numbers.
func (r *room) body(text string) excerpt {
	e := r.cut(text)
	var pretty bytes.Buffer
	if e.IsCut || isDeep(e.Text) || json.Indent(&pretty, []byte(e.Text), "", "  ") != nil {
		return e
	}
	if growth := room(pretty.Len() - len(e.Text)); growth <= *r {
		*r -= growth
		e.Text = pretty.String()
	}
	return e
}

// isDeep reports whether JSON has so many levels that it would be much longer with indentation. 16 KiB of brackets
// would become 128 MiB.
func isDeep(text string) bool {
	d := jsontext.NewDecoder(strings.NewReader(text), jsontext.AllowDuplicateNames(true))
	for {
		if _, err := d.ReadToken(); err != nil {
			return false
		}
		if d.StackDepth() > 16 { // as many levels as data may have
			return true
		}
	}
}

// values returns the cookies of a state, or the members of its data as JSON.
func values(state json.RawMessage) [][2]string {
	var fields struct {
		Cookies []struct{ Name, Value string }
		Data    map[string]json.RawMessage
	}
	_ = json.Unmarshal(state, &fields) // fails only for a state that no app could read
	all := [][2]string{}
	for _, cookie := range fields.Cookies {
		all = append(all, [2]string{cookie.Name, cookie.Value})
	}
	for _, name := range slices.Sorted(maps.Keys(fields.Data)) {
		all = append(all, [2]string{name, string(fields.Data[name])})
	}
	return all
}

// header returns the lines of a header, sorted by name.
func (r *room) header(h http.Header) [][2]string {
	lines := [][2]string{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			if len(lines) < maxHeaderLines {
				lines = append(lines, [2]string{r.cut(name).Text, r.cut(value).Text})
			}
		}
	}
	return lines
}
