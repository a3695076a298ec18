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
	w := newWebhook(t, responds(empty))
	if d := newPhone(t, at(w.URL), changes...).Send(t.Context(), m); len(errorsOf(d)) > 0 {
		t.Fatalf("the findings are %+v", d.Findings)
	}
	return w.only(t).body
}

// names returns a body's parameters in their order.
func names(body string) []string {
	var all []string
	for pair := range strings.SplitSeq(body, "&") {
		name, _, _ := strings.Cut(pair, "=")
		all = append(all, name)
	}
	return all
}

// captured is the body that Twilio posted for a text message in April 2023, with other numbers and SIDs.
const captured = "ToCountry=US&ToState=&SmsMessageSid=SMad910123456789abcdef0123456789ab&NumMedia=0&ToCity=&FromZip=48116" +
	"&SmsSid=SMad910123456789abcdef0123456789ab&FromState=MI&SmsStatus=received&FromCity=BRIGHTON&Body=Test+message" +
	"&FromCountry=US&To=%2B18005550100&MessagingServiceSid=MG315f0123456789abcdef0123456789ab&ToZip=&NumSegments=1" +
	"&MessageSid=SMad910123456789abcdef0123456789ab&AccountSid=AC790123456789abcdef0123456789abcd" +
	"&From=%2B18105550192&ApiVersion=2010-04-01"

// Twilio sent the location of the sender. The phone does not know the location, so it sends empty values.
func TestCapturedBody(t *testing.T) {
	want := strings.NewReplacer("FromZip=48116", "FromZip=", "FromState=MI", "FromState=", "FromCity=BRIGHTON",
		"FromCity=").Replace(captured)
	got := bodyOf(t, phone.Message{SID: "SMad910123456789abcdef0123456789ab", Body: "Test message"},
		func(o *phone.Options) {
			o.From, o.To = "+18105550192", "+18005550100"
			o.AccountSID = "AC790123456789abcdef0123456789abcd"
			o.MessagingServiceSID = "MG315f0123456789abcdef0123456789ab"
		})
	if got != want {
		t.Errorf("the body is\n%s\nwant\n%s", got, want)
	}
}

// The orders come from captured requests.
func TestOrderOfParameters(t *testing.T) {
	image := []phone.Media{{URL: "https://a.example/1", ContentType: "image/jpeg"}}
	sms := names(captured)
	service := slices.Index(sms, "MessagingServiceSid")
	noService := slices.Delete(slices.Clone(sms), service, service+1)
	mms := slices.Insert(slices.Insert(slices.Clone(noService), 1, "MediaContentType0"), len(noService), "MediaUrl0")
	whatsApp := []string{
		"SmsMessageSid", "NumMedia", "ProfileName", "MessageType", "SmsSid", "WaId", "SmsStatus", "Body", "To", "NumSegments",
		"ReferralNumMedia", "MessageSid", "AccountSid", "ChannelMetadata", "From", "ApiVersion",
	}
	const whatsAppFrom, whatsAppTo = "whatsapp:" + from, "whatsapp:" + to
	for _, row := range []struct {
		name     string
		from, to string
		message  phone.Message
		want     []string
	}{
		{"without a Messaging Service, its SID is not sent", from, to, phone.Message{}, noService},
		{"an MMS has its media types after ToCountry and its media URLs before ApiVersion", from, to, phone.Message{Media: image}, mms},
		{"WhatsApp has no parameters for locations", whatsAppFrom, whatsAppTo, phone.Message{}, whatsApp},
		{"WhatsApp has its media types first and its media URLs before ApiVersion", whatsAppFrom, whatsAppTo, phone.Message{Media: image},
			slices.Insert(slices.Insert(slices.Clone(whatsApp), 0, "MediaContentType0"), len(whatsApp), "MediaUrl0")},
		{"OptOutType comes last", from, to, phone.Message{OptOutType: "STOP"}, append(slices.Clone(noService), "OptOutType")},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := names(bodyOf(t, row.message, between(row.from, row.to))); !slices.Equal(got, row.want) {
				t.Errorf("the parameters are %q, want %q", got, row.want)
			}
		})
	}
}

// The rules come from the documentation of java.net.URLEncoder.
func TestEscapes(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"letters and digits are not escaped", "AZaz09", "AZaz09"},
		{"four marks are not escaped", ".-*_", ".-*_"},
		{"a space is a plus sign", "a b", "a+b"},
		{"a plus sign is escaped", "+", "%2B"},
		{"a tilde is escaped", "~", "%7E"},
		{"other marks are escaped in capitals", "!'()/?&=%;:@,", "%21%27%28%29%2F%3F%26%3D%25%3B%3A%40%2C"},
		{"an escape in the text is escaped", "%2A", "%252A"},
		{"a line break is escaped", "a\r\nb", "a%0D%0Ab"},
		{"letters outside ASCII are escaped as UTF-8", "ñ€", "%C3%B1%E2%82%AC"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := bodyOf(t, phone.Message{Body: row.text}); !strings.Contains(got, "&Body="+row.want+"&") {
				t.Errorf("the body is %s, want %s in it", got, row.want)
			}
		})
	}
}

func TestParameters(t *testing.T) {
	media := []phone.Media{{URL: "https://a.example/1", ContentType: "image/jpeg"},
		{URL: "https://a.example/2", ContentType: "video/mp4"}}
	emoji := strings.Repeat("😀", 36) // 72 UTF-16 units: two segments of 67
	for _, row := range []struct {
		name     string
		from, to string
		message  phone.Message
		want     map[string]string
	}{
		{"a number with +1 is in the US", from, to, phone.Message{},
			map[string]string{"FromCountry": "US", "ToCountry": "US", "FromCity": "", "FromState": "", "FromZip": "",
				"ToCity": "", "ToState": "", "ToZip": ""}},
		{"the location of another number is unknown", "+31612345678", to, phone.Message{}, map[string]string{"FromCountry": "", "ToCountry": "US"}},
		{"an empty text is sent empty", from, to, phone.Message{}, map[string]string{"Body": "", "NumSegments": "1"}},
		{"the segments of a long text are counted", from, to, phone.Message{Body: emoji}, map[string]string{"NumSegments": "2"}},
		{"an MMS has one segment", from, to, phone.Message{Body: emoji, Media: media},
			map[string]string{"NumSegments": "1", "NumMedia": "2", "MediaUrl0": "https://a.example/1",
				"MediaContentType0": "image/jpeg", "MediaUrl1": "https://a.example/2", "MediaContentType1": "video/mp4"}},
		{"WhatsApp names the sender", "whatsapp:" + from, "whatsapp:" + to, phone.Message{Body: emoji},
			map[string]string{"WaId": "12025550143", "ProfileName": "Somebody", "MessageType": "text",
				"ReferralNumMedia": "0", "NumSegments": "1",
				"From": "whatsapp:" + from, "To": "whatsapp:" + to,
				"ChannelMetadata": `{"type":"whatsapp","data":{"context":{"ProfileName":"Somebody","WaId":"12025550143"}}}`}},
		{"the status and the version never change", from, to, phone.Message{}, map[string]string{"SmsStatus": "received", "ApiVersion": "2010-04-01"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := url.ParseQuery(bodyOf(t, row.message, between(row.from, row.to)))
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range row.want {
				if values := got[name]; len(values) != 1 || values[0] != want {
					t.Errorf("%s is %q, want %q", name, values, want)
				}
			}
		})
	}
}

func TestOtherChannel(t *testing.T) {
	w := newWebhook(t, responds(empty))
	d := send(t, newPhone(t, at(w.URL), between("rcs:"+from, "rcs:"+to)), "hi")
	if !isWarned(d, "this channel") {
		t.Errorf("the findings are %+v", d.Findings)
	}
	if got := w.only(t).form; got.Has("WaId") || got.Has("ProfileName") || got.Has("FromCountry") {
		t.Errorf("the parameters are %v", got)
	}
}

func TestSID(t *testing.T) {
	for _, row := range []struct {
		name    string
		message phone.Message
		form    string
	}{
		{"the SID of a text message begins with SM", phone.Message{}, `^SM[0-9a-f]{32}$`},
		{"the SID of an MMS begins with MM", phone.Message{Media: []phone.Media{{}}}, `^MM[0-9a-f]{32}$`},
		{"a given SID is kept", phone.Message{SID: "SMgiven"}, `^SMgiven$`},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWebhook(t, responds(empty))
			d := newPhone(t, at(w.URL)).Send(t.Context(), row.message)
			form := w.only(t).form
			for _, name := range []string{"MessageSid", "SmsSid", "SmsMessageSid"} {
				if got := form.Get(name); got != d.Message.SID || !regexp.MustCompile(row.form).MatchString(got) {
					t.Errorf("%s is %q, the delivery's SID is %q", name, got, d.Message.SID)
				}
			}
		})
	}
	t.Run("each message has its own SID", func(t *testing.T) {
		p := newPhone(t, at(newWebhook(t, responds(empty)).URL))
		if first, second := send(t, p, "hi"), send(t, p, "hi"); first.Message.SID == second.Message.SID {
			t.Errorf("both SIDs are %s", first.Message.SID)
		}
	})
	t.Run("NewSID returns the SID of a text message", func(t *testing.T) {
		if !regexp.MustCompile(`^SM[0-9a-f]{32}$`).MatchString(phone.NewSID()) {
			t.Errorf("NewSID returns %s", phone.NewSID())
		}
	})
}
