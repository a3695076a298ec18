package twilio_test

import (
	"net/url"
	"strings"
	"testing"

	"smsession/internal/twilio"
)

// capturedBody is a message as Twilio posted it on 24 April 2023. The numbers and SIDs are made up. It has 20
// parameters in Twilio's order, three of them empty.
const capturedBody = "ToCountry=US&ToState=&SmsMessageSid=SMad91a2b3c4d5e6f708192a3b4c5d6e7f&NumMedia=0&ToCity=&FromZip=48116" +
	"&SmsSid=SMad91a2b3c4d5e6f708192a3b4c5d6e7f&FromState=MI&SmsStatus=received&FromCity=BRIGHTON&Body=Test+message" +
	"&FromCountry=US&To=%2B15005550006&MessagingServiceSid=MG315fa2b3c4d5e6f708192a3b4c5d6e7f&ToZip=&NumSegments=1" +
	"&MessageSid=SMad91a2b3c4d5e6f708192a3b4c5d6e7f&AccountSid=AC79c1a2b3c4d5e6f708192a3b4c5d6e7f&From=%2B15005550001" +
	"&ApiVersion=2010-04-01"

func TestParseCapturedMessage(t *testing.T) {
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

const someSID = "SMad91a2b3c4d5e6f708192a3b4c5d6e7f"

func TestParseMessageKeepsValues(t *testing.T) {
	got, err := twilio.ParseMessage(parse(t,
		"MessageSid="+someSID+"&From=+a+&To=whatsapp%3A%2B1&Body=+hi%0A&OptOutType=Stop"))
	if err != nil {
		t.Fatal(err)
	}
	want := twilio.Message{SID: someSID, From: " a ", To: "whatsapp:+1", Body: " hi\n", OptOutType: "Stop"}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestParseMessage(t *testing.T) {
	const (
		notNumber = " has a + that is not followed by 1 to 20 digits only"
		notSID    = "MessageSid is not two capitals and 32 hexadecimal digits"
	)
	long := strings.Repeat
	for _, row := range []struct {
		name  string
		param string
		value string
		want  string // the error, "" if the value is accepted
	}{
		{"From of 256 bytes is accepted", "From", long("1", 256), ""},
		{"From of 257 bytes is refused", "From", long("1", 257), "From is longer than 256 bytes"},
		{"From is measured in bytes", "From", long("ñ", 128) + "1", "From is longer than 256 bytes"},
		{"From that is empty is refused", "From", "", "the form has no From"},
		{"From with 20 digits is accepted", "From", "+" + long("1", 20), ""},
		{"From with 21 digits is refused", "From", "+" + long("1", 21), "From" + notNumber},
		{"From with no digits is refused", "From", "+", "From" + notNumber},
		{"From that runs into another parameter is refused", "From", "+15005550001FromCityBRIGHTON", "From" + notNumber},
		{"From with white space after its digits is refused", "From", "+15005550001 ", "From" + notNumber},
		{"From with digits of another script is refused", "From", "+١٢٣", "From" + notNumber},
		{"From with a second + is refused", "From", "+1+2", "From" + notNumber},
		{"From on a channel is accepted", "From", "whatsapp:+15005550001", ""},
		{"From on a channel that runs into another parameter is refused", "From", "whatsapp:+15005550001FromCity", "From" + notNumber},
		{"From on RCS with no digits is refused", "From", "rcs:+", "From" + notNumber},
		{"From is split at its first colon", "From", "rcs:a:+x", ""},
		{"From with a number before its colon is refused", "From", "+1:+2", "From" + notNumber},
		{"From on a channel without a number is accepted", "From", "messenger:1234567890", ""},
		{"From that is a short code is accepted", "From", "12345", ""},
		{"From that is a name is accepted", "From", "TWILIO", ""},
		{"From with a + in the middle is accepted", "From", "a+b", ""},
		{"To of 256 bytes is accepted", "To", long("1", 256), ""},
		{"To of 257 bytes is refused", "To", long("1", 257), "To is longer than 256 bytes"},
		{"To that is empty is refused", "To", "", "the form has no To"},
		{"To that runs into another parameter is refused", "To", "+15005550006ToCity", "To" + notNumber},
		{"To that is an RCS agent is accepted", "To", "rcs:brand_agent", ""},
		{"MessageSid of MMS is accepted", "MessageSid", "MM" + someSID[2:], ""},
		{"MessageSid with capital digits is accepted", "MessageSid", "SM" + strings.ToUpper(someSID[2:]), ""},
		{"MessageSid of 33 bytes is refused", "MessageSid", someSID[:33], notSID},
		{"MessageSid of 35 bytes is refused", "MessageSid", someSID + "0", notSID},
		{"MessageSid that runs into another parameter is refused", "MessageSid", someSID + "NumMedia0", notSID},
		{"MessageSid that begins in lower case is refused", "MessageSid", "sm" + someSID[2:], notSID},
		{"MessageSid that begins with a digit is refused", "MessageSid", "S1" + someSID[2:], notSID},
		{"MessageSid with a letter after f is refused", "MessageSid", someSID[:33] + "g", notSID},
		{"MessageSid that is empty is refused", "MessageSid", "", "the form has no MessageSid"},
		{"SmsSid that is the MessageSid is accepted", "SmsSid", someSID, ""},
		{"SmsSid that differs is refused", "SmsSid", "SM" + long("0", 32), "SmsSid differs from MessageSid"},
		{"SmsSid that is empty is refused", "SmsSid", "", "SmsSid differs from MessageSid"},
		{"SmsMessageSid that is the MessageSid is accepted", "SmsMessageSid", someSID, ""},
		{"SmsMessageSid that differs is refused", "SmsMessageSid", someSID + "x", "SmsMessageSid differs from MessageSid"},
		{"Body that is empty is accepted", "Body", "", ""},
		{"Body has no limit of its own", "Body", long("x", 60_000), ""},
		{"AccountSid that is empty is accepted", "AccountSid", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			values := url.Values{"From": {"+1"}, "To": {"+2"}, "MessageSid": {someSID}, "AccountSid": {"AC1"},
				"Body": {"hi"}}
			values.Set(row.param, row.value)
			expectError(t, values, row.want)
		})
	}
}

func TestIsReceipt(t *testing.T) {
	for _, row := range []struct {
		name, body string
		want       bool
	}{
		{"a form with MessageStatus is a receipt", "MessageStatus=delivered&SmsStatus=delivered", true},
		{"MessageStatus makes a receipt whatever SmsStatus is", "MessageStatus=delivered&SmsStatus=received", true},
		{"an empty MessageStatus makes a receipt", "MessageStatus=", true},
		{"SmsStatus alone makes a receipt", "SmsStatus=delivered", true},
		{"an undelivered message has a receipt", "SmsStatus=undelivered", true},
		{"a message that was received is no receipt", "SmsStatus=received", false},
		{"a message that is being received is no receipt", "SmsStatus=receiving", false},
		{"a form without either is no receipt", "Body=hi&CallStatus=ringing", false},
		{"Twilio writes the states in lower case", "SmsStatus=Received", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := parse(t, row.body).IsReceipt(); got != row.want {
				t.Errorf("got %t, want %t", got, row.want)
			}
		})
	}
}

func TestParseMessageWithoutAField(t *testing.T) {
	for param, want := range map[string]string{
		"From":       "the form has no From",
		"To":         "the form has no To",
		"MessageSid": "the form has no MessageSid",
		"Body":       "",
		"AccountSid": "",
	} {
		t.Run(param+" is missing", func(t *testing.T) {
			values := url.Values{"From": {"+1"}, "To": {"+2"}, "MessageSid": {someSID}, "AccountSid": {"AC1"},
				"Body": {"hi"}}
			values.Del(param)
			expectError(t, values, want)
		})
	}
}

func expectError(t *testing.T, values url.Values, want string) {
	t.Helper()
	message, err := twilio.ParseMessage(parse(t, values.Encode()))
	switch {
	case want == "" && err != nil:
		t.Errorf("got the error %v", err)
	case want != "" && err == nil:
		t.Errorf("accepted, want %q", want)
	case want != "" && err.Error() != want:
		t.Errorf("%q, want %q", err, want)
	case want != "" && message != twilio.Message{}:
		t.Errorf("the error comes with a message: %+v", message)
	}
}
