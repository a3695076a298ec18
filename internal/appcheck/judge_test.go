package appcheck

import (
	"net/http"
	"testing"

	"smsession/internal/app"
	"smsession/internal/config"
	"smsession/internal/phone"
)

// exchange is an answer of an app.
func exchange(status int, contentType, answer string) app.Exchange {
	return app.Exchange{Status: status, AnswerHeader: http.Header{"Content-Type": {contentType}}, Answer: answer}
}

func TestArrived(t *testing.T) {
	document := exchange(200, "text/xml", "<Response><Message>one</Message><Message>two</Message></Response>")
	for _, row := range []struct {
		name      string
		exchanges []app.Exchange
		seen      []string
		isError   bool
	}{
		{"all texts arrive", []app.Exchange{document}, []string{"one", "two"}, false},
		{"the action of a message sends more", []app.Exchange{document}, []string{"one", "two", "three"}, false},
		{"a text is lost", []app.Exchange{document}, []string{"one"}, true},
		{"all texts are lost", []app.Exchange{document}, nil, true},
		{"a text is changed", []app.Exchange{document}, []string{"one", "2"}, true},
		{"texts change places", []app.Exchange{document}, []string{"two", "one"}, true},
		{"nothing is sent", []app.Exchange{exchange(204, "", "")}, nil, false},
		{"the documents are joined", []app.Exchange{
			exchange(200, "text/xml", "<Response><Message>zero</Message><Redirect>/next</Redirect></Response>"),
			exchange(302, "text/html", "See /other"), document}, []string{"zero", "one", "two"}, false},
		{"line ends of plain text", []app.Exchange{exchange(200, "text/plain", "a\r\nb\rc")}, []string{"a\nb\nc"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var replies []phone.Reply
			for _, text := range row.seen {
				replies = append(replies, phone.Reply{Body: text})
			}
			j := judge{app: config.App{Protocol: config.AppTwilio}}
			if found := j.arrived(app.Call{Exchanges: row.exchanges}, replies); hasError(found) != row.isError {
				t.Errorf("the findings are %+v", found)
			}
		})
	}
}
