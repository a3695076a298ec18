package phone_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smsession/internal/phone"
)

// bodyOf sends a message and returns the body of the request.
func bodyOf(t *testing.T, m phone.Message, changes ...func(*phone.Options)) string {
	t.Helper()
	w := newWebhook(t, says(empty))
	if d := deliver(t, newPhone(t, at(w.URL), changes...), m); len(errorsOf(d)) > 0 {
		t.Fatalf("%+v", d.Findings)
	}
	return w.only(t).body
}

// names are a body's parameters in order.
func names(body string) []string {
	var all []string
	for pair := range strings.SplitSeq(body, "&") {
		name, _, _ := strings.Cut(pair, "=")
		all = append(all, name)
	}
	return all
}

func valuesOf(t *testing.T, body string) url.Values {
	t.Helper()
	values, err := url.ParseQuery(body)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func between(from, to string) func(*phone.Options) {
	return func(o *phone.Options) { o.From, o.To = from, to }
}

// The body that Twilio posted for a text message in April 2023, with other numbers and SIDs in it.
const captured = "ToCountry=US&ToState=&SmsMessageSid=SMad910123456789abcdef0123456789ab&NumMedia=0&ToCity=&FromZip=48116" +
	"&SmsSid=SMad910123456789abcdef0123456789ab&FromState=MI&SmsStatus=received&FromCity=BRIGHTON&Body=Test+message" +
	"&FromCountry=US&To=%2B18005550100&MessagingServiceSid=MG315f0123456789abcdef0123456789ab&ToZip=&NumSegments=1" +
	"&MessageSid=SMad910123456789abcdef0123456789ab&AccountSid=AC790123456789abcdef0123456789abcd" +
	"&From=%2B18105550192&ApiVersion=2010-04-01"

func TestATextMessageIsTheOneThatWasCaptured(t *testing.T) {
	got := bodyOf(t, phone.Message{SID: "SMad910123456789abcdef0123456789ab", Body: "Test message"}, func(o *phone.Options) {
		o.From, o.To = "+18105550192", "+18005550100"
		o.AccountSID = "AC790123456789abcdef0123456789abcd"
		o.MessagingServiceSID = "MG315f0123456789abcdef0123456789ab"
		o.FromPlace = phone.Place{City: "BRIGHTON", State: "MI", Zip: "48116", Country: "US"}
	})
	if got != captured {
		t.Errorf("body\n%s\nwant\n%s", got, captured)
	}
}

// The orders are those of the captures; the values are told by other tests.
func TestParametersComeInTheCapturedOrder(t *testing.T) {
	image := []phone.Media{{URL: "https://a.example/1", ContentType: "image/jpeg"}}
	sms := names(captured)
	service := slices.Index(sms, "MessagingServiceSid")
	noService := slices.Delete(slices.Clone(sms), service, service+1)
	mms := slices.Insert(slices.Insert(slices.Clone(noService), 1, "MediaContentType0"), len(noService), "MediaUrl0")
	whatsApp := []string{
		"SmsMessageSid", "NumMedia", "ProfileName", "MessageType", "SmsSid", "WaId", "SmsStatus", "Body", "To", "NumSegments",
		"ReferralNumMedia", "MessageSid", "AccountSid", "ChannelMetadata", "From", "ApiVersion",
	}
	for _, row := range []struct {
		name     string
		from, to string
		message  phone.Message
		want     []string
	}{
		{"without a Messaging Service its SID is not sent", from, to, phone.Message{}, noService},
		{"an MMS tells its types after the country, and its URLs before the version", from, to, phone.Message{Media: image}, mms},
		{"WhatsApp has no geography", "whatsapp:+12025550143", "whatsapp:+15005550006", phone.Message{}, whatsApp},
		{"WhatsApp's media stand first and before the version", "whatsapp:+12025550143", "whatsapp:+15005550006", phone.Message{Media: image},
			slices.Insert(slices.Insert(slices.Clone(whatsApp), 0, "MediaContentType0"), len(whatsApp), "MediaUrl0")},
		{"Advanced Opt-Out's type comes after the message", from, to, phone.Message{OptOutType: "STOP"}, append(slices.Clone(noService), "OptOutType")},
		{"further parameters come last", from, to,
			phone.Message{OptOutType: "HELP", More: []phone.Param{{"B", "1"}, {"A", "2"}}}, append(slices.Clone(noService), "OptOutType", "B", "A")},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := names(bodyOf(t, row.message, between(row.from, row.to))); !slices.Equal(got, row.want) {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}

// What is escaped, and how, is in the documentation of java.net.URLEncoder.
func TestParametersAreEscapedAsByJava(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"letters and digits stay", "AZaz09", "AZaz09"},
		{"four marks stay", ".-*_", ".-*_"},
		{"a space is a plus sign", "a b", "a+b"},
		{"a plus sign is escaped", "+", "%2B"},
		{"a tilde is escaped", "~", "%7E"},
		{"other marks are escaped, in upper case", "!'()/?&=%;:@,", "%21%27%28%29%2F%3F%26%3D%25%3B%3A%40%2C"},
		{"a line's end is escaped", "a\r\nb", "a%0D%0Ab"},
		{"other letters are escaped as UTF-8", "ñ€", "%C3%B1%E2%82%AC"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := bodyOf(t, phone.Message{Body: row.text}); !strings.Contains(got, "&Body="+row.want+"&") {
				t.Errorf("body %s, want %s in it", got, row.want)
			}
		})
	}
}

func TestTheValuesOfParameters(t *testing.T) {
	media := []phone.Media{{URL: "https://a.example/1", ContentType: "image/jpeg"}, {URL: "https://a.example/2", ContentType: "video/mp4"}}
	emoji := strings.Repeat("😀", 36) // 72 units of UTF-16: two segments of 67
	for _, row := range []struct {
		name     string
		from, to string
		message  phone.Message
		want     map[string]string
	}{
		{"a number of +1 is in the US", from, to, phone.Message{},
			map[string]string{"FromCountry": "US", "ToCountry": "US", "FromCity": "", "FromState": "", "FromZip": "", "ToCity": "", "ToState": "", "ToZip": ""}},
		{"of another number nothing is known", "+31612345678", to, phone.Message{}, map[string]string{"FromCountry": "", "ToCountry": "US"}},
		{"an empty text is sent empty", from, to, phone.Message{}, map[string]string{"Body": "", "NumSegments": "1"}},
		{"a long text has its segments counted", from, to, phone.Message{Body: emoji}, map[string]string{"NumSegments": "2"}},
		{"an MMS is one segment", from, to, phone.Message{Body: emoji, Media: media},
			map[string]string{"NumSegments": "1", "NumMedia": "2", "MediaUrl0": "https://a.example/1", "MediaContentType0": "image/jpeg", "MediaUrl1": "https://a.example/2", "MediaContentType1": "video/mp4"}},
		{"WhatsApp names the sender", "whatsapp:+12025550143", "whatsapp:+15005550006", phone.Message{Body: emoji},
			map[string]string{"WaId": "12025550143", "ProfileName": `Ann "A" B`, "MessageType": "text", "ReferralNumMedia": "0", "NumSegments": "1",
				"From": "whatsapp:+12025550143", "To": "whatsapp:+15005550006",
				"ChannelMetadata": `{"type":"whatsapp","data":{"context":{"ProfileName":"Ann \"A\" B","WaId":"12025550143"}}}`}},
		{"the status and the version are always the same", from, to, phone.Message{}, map[string]string{"SmsStatus": "received", "ApiVersion": "2010-04-01"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := valuesOf(t, bodyOf(t, row.message, between(row.from, row.to), func(o *phone.Options) { o.ProfileName = `Ann "A" B` }))
			for name, want := range row.want {
				if values := got[name]; len(values) != 1 || values[0] != want {
					t.Errorf("%s is %q, want %q", name, values, want)
				}
			}
		})
	}
}

func TestOtherChannelsAreWarnedOf(t *testing.T) {
	w := newWebhook(t, says(empty))
	d := send(t, newPhone(t, at(w.URL), between("rcs:+12025550143", "rcs:+15005550006")), "hi")
	if !warned(d, "this channel") {
		t.Errorf("findings %+v", d.Findings)
	}
	if got := w.only(t).form; got.Has("WaId") || got.Has("ProfileName") || got.Has("FromCountry") {
		t.Errorf("parameters %v", got)
	}
}

func TestAMessageHasOneSIDUnderThreeNames(t *testing.T) {
	for _, row := range []struct {
		name    string
		message phone.Message
		form    string
	}{
		{"a made-up one of a text message", phone.Message{}, `^SM[0-9a-f]{32}$`},
		{"a made-up one of an MMS", phone.Message{Media: []phone.Media{{}}}, `^MM[0-9a-f]{32}$`},
		{"a given one", phone.Message{SID: "SMgiven"}, `^SMgiven$`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := valuesOf(t, bodyOf(t, row.message))
			for _, name := range []string{"MessageSid", "SmsSid", "SmsMessageSid"} {
				if !regexp.MustCompile(row.form).MatchString(got.Get(name)) || got.Get(name) != got.Get("MessageSid") {
					t.Errorf("%s is %q", name, got.Get(name))
				}
			}
		})
	}
}

func TestEveryMessageHasASIDOfItsOwn(t *testing.T) {
	w := newWebhook(t, says(empty))
	p := newPhone(t, at(w.URL))
	first, second := send(t, p, "hi"), send(t, p, "hi")
	if first.Message.SID == second.Message.SID {
		t.Errorf("both are %s", first.Message.SID)
	}
	if got := w.requests()[0].form.Get("MessageSid"); got != first.Message.SID {
		t.Errorf("the delivery says %s, the request %s", first.Message.SID, got)
	}
	if !regexp.MustCompile(`^SM[0-9a-f]{32}$`).MatchString(phone.NewSID()) {
		t.Errorf("NewSID returns %s", phone.NewSID())
	}
}
