package systemtest

import (
	"net/http"
	"strings"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// line is a message of a conversation and the reply to it.
type line struct{ body, reply string }

// examples are the apps in deploy/examples with the settings of the service and a conversation.
var examples = []struct {
	name     string
	settings []string
	lines    []line
}{
	{"survey.py", nil, survey},
	{"survey.js", nil, survey},
	{"survey.go", jsonSettings, survey},
	{"counter.rb", nil, []line{
		{"hi", webhooktest.Greeting(1)}, {"hi", webhooktest.Greeting(2)}, {"hi", webhooktest.Greeting(3)},
		{"hi", webhooktest.Greeting(4)}, {"hi", webhooktest.Greeting(5)}, {"hi", webhooktest.Greeting(6)},
	}},
}

var survey = []line{
	{"hi", "What is your name?"},
	{"Zoë", "How many stars, 1 to 5?"},
	{"4", "What can be better?"},
	{"tea & cake", "Thank you for your answers: Zoë, 4, tea & cake"},
	{"hi", "What is your name?"},
	{"Bob", "How many stars, 1 to 5?"},
}

// TestExamples has a conversation with each example. Each message goes to another replica, and is sent twice.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, example := range examples {
		t.Run(example.name+" keeps its conversation", func(t *testing.T) {
			app := startApp(t, example.name)
			f := startFleet(t, redistest.Start(t, redistest.Options{}), append(example.settings, "APP_URL="+app.url)...)
			s, cookie := newSender(t), ""
			for i, l := range example.lines {
				form := s.Form(webhooktest.NewSID(), l.body)
				for _, route := range []string{"/sms", "/sms/fallback"} {
					got, err := s.Do(s.Request(f.next(), route, form, cookie))
					if err != nil || got.Text() != l.reply {
						t.Fatalf("message %d at %s gets %q, %v\n%s", i+1, route, got.Text(), err, app.stderr())
					}
					cookie = got.Cookie
				}
			}
		})
	}
}

// TestExamplesVerify sends a message to each example without the service.
func TestExamplesVerify(t *testing.T) {
	t.Parallel()
	for _, example := range examples {
		t.Run(example.name+" refuses what is not signed", func(t *testing.T) {
			app, s := startApp(t, example.name), newSender(t)
			s.AuthToken = "another token"
			s.PublicURL = strings.TrimSuffix(app.url, "/sms")
			if got := s.deliver(s.PublicURL, "/sms", webhooktest.NewSID(), ""); got.Status != http.StatusForbidden {
				t.Errorf("the answer is %q", got.Text())
			}
		})
	}
}

func TestExamplesAreShort(t *testing.T) {
	for _, example := range examples {
		if lines := strings.Count(shipped(t, "deploy/examples/"+example.name), "\n"); lines >= 50 {
			t.Errorf("%s has %d lines", example.name, lines)
		}
	}
}
