package twilio_test

import (
	"net/url"
	"strings"
	"testing"

	"smsession/internal/twilio"
)

// capturedBody is a message as Twilio posted it on 24 April 2023, with made-up numbers and identifiers: 20 parameters,
// in this order, three of them empty.
const capturedBody = "ToCountry=US&ToState=&SmsMessageSid=SMad91a2b3c4d5e6f708192a3b4c5d6e7f&NumMedia=0&ToCity=&FromZip=48116" +
	"&SmsSid=SMad91a2b3c4d5e6f708192a3b4c5d6e7f&FromState=MI&SmsStatus=received&FromCity=BRIGHTON&Body=Test+message" +
	"&FromCountry=US&To=%2B15005550006&MessagingServiceSid=MG315fa2b3c4d5e6f708192a3b4c5d6e7f&ToZip=&NumSegments=1" +
	"&MessageSid=SMad91a2b3c4d5e6f708192a3b4c5d6e7f&AccountSid=AC79c1a2b3c4d5e6f708192a3b4c5d6e7f&From=%2B15005550001" +
	"&ApiVersion=2010-04-01"

func TestParseMessageReadsWhatTwilioPosts(t *testing.T) {
	got, err := twilio.ParseMessage(parse(t, capturedBody))
	if err != nil {
		t.Fatal(err)
	}
	want := twilio.Message{
		SID:        "SMad91a2b3c4d5e6f708192a3b4c5d6e7f",
		AccountSID: "AC79c1a2b3c4d5e6f708192a3b4c5d6e7f",
		From:       "+15005550001",
		To:         "+15005550006",
		Body:       "Test message",
	}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestParseMessageTakesValuesAsTheyAre(t *testing.T) {
	got, err := twilio.ParseMessage(parse(t, "MessageSid=+SM1&From=+a+&To=whatsapp%3A%2B1&Body=+hi%0A&OptOutType=Stop"))
	if err != nil {
		t.Fatal(err)
	}
	want := twilio.Message{SID: " SM1", From: " a ", To: "whatsapp:+1", Body: " hi\n", OptOutType: "Stop"}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestParseMessageChecksItsFields(t *testing.T) {
	long := strings.Repeat
	for _, row := range []struct {
		name  string
		param string
		value string
		want  string // the sentence
	}{
		{"From of 256 bytes is taken", "From", long("1", 256), ""},
		{"From of 257 bytes is refused", "From", long("1", 257), "From is longer than 256 bytes"},
		{"From is measured in bytes", "From", long("ñ", 128) + "1", "From is longer than 256 bytes"},
		{"From that is empty is refused", "From", "", "the form has no From"},
		{"To of 256 bytes is taken", "To", long("1", 256), ""},
		{"To of 257 bytes is refused", "To", long("1", 257), "To is longer than 256 bytes"},
		{"To that is empty is refused", "To", "", "the form has no To"},
		{"MessageSid of 64 bytes is taken", "MessageSid", long("1", 64), ""},
		{"MessageSid of 65 bytes is refused", "MessageSid", long("1", 65), "MessageSid is longer than 64 bytes"},
		{"MessageSid that is empty is refused", "MessageSid", "", "the form has no MessageSid"},
		{"Body that is empty is taken", "Body", "", ""},
		{"Body has no limit of its own", "Body", long("x", 60_000), ""},
		{"AccountSid that is empty is taken", "AccountSid", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			values := url.Values{"From": {"+1"}, "To": {"+2"}, "MessageSid": {"SM1"}, "AccountSid": {"AC1"}, "Body": {"hi"}}
			values.Set(row.param, row.value)
			expectSentence(t, values, row.want)
		})
	}
}

func TestParseMessageNeedsThreeFields(t *testing.T) {
	for param, want := range map[string]string{
		"From":       "the form has no From",
		"To":         "the form has no To",
		"MessageSid": "the form has no MessageSid",
		"Body":       "",
		"AccountSid": "",
	} {
		t.Run(param+" is missing", func(t *testing.T) {
			values := url.Values{"From": {"+1"}, "To": {"+2"}, "MessageSid": {"SM1"}, "AccountSid": {"AC1"}, "Body": {"hi"}}
			values.Del(param)
			expectSentence(t, values, want)
		})
	}
}

func expectSentence(t *testing.T, values url.Values, want string) {
	t.Helper()
	message, err := twilio.ParseMessage(parse(t, values.Encode()))
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("taken, want %q", want)
	case want != "" && err.Error() != want:
		t.Errorf("%q, want %q", err, want)
	case want != "" && message != twilio.Message{}:
		t.Errorf("a refused message was returned in part: %+v", message)
	}
}
