package inspect_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"smsession/internal/inspect"
)

// An app that looks like the service: its data has the fields of a record, its cookie and its replies have control
// characters. The sender's words are in all of them.
const (
	words  = "xyzzy"
	stored = `{"cookies":[{"name":"session","value":"` + words + `\u001b[2J"}],` +
		`"data":{"ended":"2026-11-28T09:58:50Z","counter":99,"version":2,"deadline":"2020-01-01T00:00:00Z",` +
		`"messages":"SM9=9","app":null,"replies":{}}}`
	texts     = `["Hello ` + words + `\u202e","second"]`
	document  = `"<Response>\n<Message>` + words + `</Message></Response>"`
	appFields = `,"app":` + stored + `,"messages":"SM1=1+ SM2=2+ SM3=3",` +
		`"replies":{"SM1":` + texts + `,"SM2":` + document + `}`
)

// converseWithApp puts a conversation of three messages with an app into Redis.
func (b bench) converseWithApp() {
	b.Helper()
	b.put(to, from, 3, "")
	key := "sms:session:" + tokenOf(from)
	text := strings.Replace(string(b.do("GET", key).([]byte)), `,"messages":"SM1=1"`, appFields, 1)
	b.do("SET", key, text, "PX", time.Hour.Milliseconds())
}

func TestShowConcealsTheApp(t *testing.T) {
	each(t, func(b bench) {
		b.converseWithApp()
		found, err := b.source().Find(b.Context(), inspect.Filter{From: []string{from}})
		if err != nil {
			b.Fatal(err)
		}
		print := func(p inspect.Printer) string {
			var out strings.Builder
			p.Out = &out
			if err := p.Show(found); err != nil || strings.ContainsAny(out.String(), "\x1b\u202e") {
				b.Errorf("got %q, %v", out.String(), err)
			}
			return out.String()
		}
		for _, p := range []inspect.Printer{{}, {JSON: true}, {Reveal: true}, {Reveal: true, JSON: true}} {
			if text := print(p); strings.Contains(text, words) || strings.Contains(text, "Hello") {
				b.Errorf("%+v shows what the app has stored or replied:\n%s", p, text)
			}
		}
		plain, whole := print(inspect.Printer{}), print(inspect.Printer{RevealApp: true})
		for _, want := range []string{"state     live\n", "counter   3\n", "messages  SM1=1\n            SM2=2\n",
			fmt.Sprintf("app       %d bytes, which --reveal shows\n", len(stored)),
			"replies   2, which --reveal shows\n"} {
			if !strings.Contains(plain, want) {
				b.Errorf("without --reveal, there is no %q:\n%s", want, plain)
			}
		}
		for _, want := range []string{
			"  app       {\n              \"cookies\": [\n", `"value": "` + words + `\u001b[2J"`,
			"  replies   SM1\n              Hello " + words + `\u202e` + "\n              second\n" +
				"            SM2\n              <Response>\n              <Message>" + words + "</Message></Response>\n"} {
			if !strings.Contains(whole, want) {
				b.Errorf("with --reveal, there is no %q:\n%s", want, whole)
			}
		}
		if text := print(inspect.Printer{JSON: true, RevealApp: true}); !strings.Contains(text, stored) {
			b.Errorf("with --reveal, the JSON is %s", text)
		}
		var concealed map[string]any
		text := print(inspect.Printer{JSON: true})
		if err := json.Unmarshal([]byte(text), &concealed); err != nil || concealed["counter"] != 3.0 ||
			concealed["messages"] != "SM1=1+ SM2=2+ SM3=3" || concealed["ended"] != nil {
			b.Errorf("the JSON is %s, %v", text, err)
		}
	})
}

// TestListsAreNotFooledByAnApp uses an app whose data has the fields of an ended record.
func TestListsAreNotFooledByAnApp(t *testing.T) {
	each(t, func(b bench) {
		w := &inspect.Watch{Source: b.source(), Limit: 100}
		b.poll(w)
		b.converseWithApp()
		b.expect(w, "a conversation with an app", from+" began 3")
		found := b.list(inspect.Filter{})
		if len(found) != 1 || found[0].Count != 3 || found[0].Ended || found[0].App != len(stored) ||
			found[0].Left < 59*time.Minute {
			b.Errorf("got %+v", found)
		}
		e, err := b.source().End(b.Context(), to, from, false)
		if err != nil || e.Outcome != inspect.WasEnded || e.Count != 3 {
			b.Errorf("got %+v, %v", e, err)
		}
		b.expect(w, "the conversation was ended", from+" ended 3")
		if text := string(b.do("GET", "sms:session:"+tokenOf(from)).([]byte)); strings.Contains(text, stored) {
			b.Errorf("the ended record still has the data: %s", text)
		}
	})
}

func TestEventNamesTheApp(t *testing.T) {
	at := time.Date(2026, 11, 28, 9, 58, 50, 0, time.UTC)
	for app, want := range map[int]string{
		0:   "09:58:50 continued +1202•••0143          +1500•••0006                3\n",
		319: "09:58:50 continued +1202•••0143          +1500•••0006                3  app\n",
	} {
		var out strings.Builder
		s := &inspect.Stream{Printer: inspect.Printer{Out: &out}}
		c := inspect.Conversation{To: to, From: from, Count: 3, App: app, Left: time.Hour}
		event := inspect.Event{At: at, Kind: inspect.Continued, Conversation: c}
		if err := s.Show(nil, []inspect.Event{event}, nil); err != nil || out.String() != want {
			t.Errorf("got %q, %v, want %q", out.String(), err, want)
		}
	}
}
