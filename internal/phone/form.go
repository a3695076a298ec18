package phone

import (
	"encoding/json"
	"strconv"
	"strings"

	"smsession/internal/gsm"
)

// form is an application/x-www-form-urlencoded body in the making.
type form []byte

// add appends a parameter.
func (f form) add(name, value string) form {
	if len(f) > 0 {
		f = append(f, '&')
	}
	f = f.escape(name)
	f = append(f, '=')
	return f.escape(value)
}

// escape appends a text as Java's URLEncoder has it, which is how Twilio's bodies look: upper-case escapes, a plus sign
// for a space, and of the marks only ".", "-", "_" and "*" as they are.
func (f form) escape(text string) form {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_', c == '*':
			f = append(f, c)
		case c == ' ':
			f = append(f, '+')
		default:
			f = append(f, '%', digits[c>>4], digits[c&15])
		}
	}
	return f
}

// form appends the parameters of an incoming message, in the order in which they have been captured: those of a text
// message or MMS, or those of WhatsApp. Of other channels there is no capture: they get WhatsApp's without the three
// that are about WhatsApp.
func (p *Phone) form(f form, m *Message) form {
	if channel(p.options.From) == "" {
		f = p.smsForm(f, m)
	} else {
		f = p.channelForm(f, m)
	}
	if m.OptOutType != "" {
		f = f.add("OptOutType", m.OptOutType)
	}
	for _, param := range m.More {
		f = f.add(param.Name, param.Value)
	}
	return f
}

func (p *Phone) smsForm(f form, m *Message) form {
	from, to := p.options.FromPlace.of(p.options.From), p.options.ToPlace.of(p.options.To)
	f = f.add("ToCountry", to.Country).mediaTypes(m.Media)
	f = f.add("ToState", to.State)
	f = f.add("SmsMessageSid", m.SID)
	f = f.add("NumMedia", strconv.Itoa(len(m.Media)))
	f = f.add("ToCity", to.City)
	f = f.add("FromZip", from.Zip)
	f = f.add("SmsSid", m.SID)
	f = f.add("FromState", from.State)
	f = f.add("SmsStatus", "received")
	f = f.add("FromCity", from.City)
	f = f.add("Body", m.Body)
	f = f.add("FromCountry", from.Country)
	f = f.add("To", p.options.To)
	f = p.service(f)
	f = f.add("ToZip", to.Zip)
	f = f.add("NumSegments", strconv.Itoa(p.segments(m.Body, len(m.Media)).Count))
	f = f.add("MessageSid", m.SID)
	f = f.add("AccountSid", p.options.AccountSID)
	f = f.add("From", p.options.From).mediaURLs(m.Media)
	return f.add("ApiVersion", "2010-04-01")
}

func (p *Phone) channelForm(f form, m *Message) form {
	whatsapp := channel(p.options.From) == "whatsapp"
	f = f.mediaTypes(m.Media)
	f = f.add("SmsMessageSid", m.SID)
	f = f.add("NumMedia", strconv.Itoa(len(m.Media)))
	if whatsapp {
		f = f.add("ProfileName", p.options.ProfileName)
		f = f.add("MessageType", messageType(m.Media))
	}
	f = f.add("SmsSid", m.SID)
	if whatsapp {
		f = f.add("WaId", onlyDigits(p.options.From))
	}
	f = f.add("SmsStatus", "received")
	f = f.add("Body", m.Body)
	f = f.add("To", p.options.To)
	f = p.service(f)
	f = f.add("NumSegments", "1")
	f = f.add("ReferralNumMedia", "0")
	f = f.add("MessageSid", m.SID)
	f = f.add("AccountSid", p.options.AccountSID)
	if whatsapp {
		f = f.add("ChannelMetadata", p.channelMetadata())
	}
	f = f.add("From", p.options.From).mediaURLs(m.Media)
	return f.add("ApiVersion", "2010-04-01")
}

// status appends the parameters that tell what became of a reply, as captured from a status callback. Twilio's page
// on <Message> names MessageSid and MessageStatus for its action.
func (p *Phone) status(f form, r Reply, sid string) form {
	f = f.add("SmsSid", sid)
	f = f.add("SmsStatus", "queued")
	f = f.add("MessageStatus", "queued")
	f = f.add("To", r.To)
	f = p.service(f)
	f = f.add("MessageSid", sid)
	f = f.add("AccountSid", p.options.AccountSID)
	f = f.add("From", r.From)
	return f.add("ApiVersion", "2010-04-01")
}

func (p *Phone) service(f form) form {
	if p.options.MessagingServiceSID == "" {
		return f
	}
	return f.add("MessagingServiceSid", p.options.MessagingServiceSID)
}

func (f form) mediaTypes(media []Media) form {
	for i, m := range media {
		f = f.add("MediaContentType"+strconv.Itoa(i), m.ContentType)
	}
	return f
}

func (f form) mediaURLs(media []Media) form {
	for i, m := range media {
		f = f.add("MediaUrl"+strconv.Itoa(i), m.URL)
	}
	return f
}

// channelMetadata is what WhatsApp's parameters say, once more, as JSON. Its keys have been captured.
func (p *Phone) channelMetadata() string {
	type context struct{ ProfileName, WaId string }
	type data struct {
		Context context `json:"context"`
	}
	text, _ := json.Marshal(struct { // texts alone cannot fail
		Type string `json:"type"`
		Data data   `json:"data"`
	}{"whatsapp", data{context{p.options.ProfileName, onlyDigits(p.options.From)}}})
	return string(text)
}

// messageType is what WhatsApp calls a message. Only "text" has been captured.
func messageType(media []Media) string {
	if len(media) == 0 {
		return "text"
	}
	switch kind, _, _ := strings.Cut(media[0].ContentType, "/"); kind {
	case "image", "audio", "video":
		return kind
	}
	return "document"
}

// onlyDigits returns the digits of an address.
func onlyDigits(address string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, address)
}

// of returns what Twilio tells of a number's place.
func (p Place) of(number string) Place {
	if p == (Place{}) && strings.HasPrefix(number, "+1") {
		p.Country = "US"
	}
	return p
}

// segments says how a text is split between this pair. Only a plain text message is; anything else is one.
func (p *Phone) segments(text string, attached int) gsm.Segments {
	s := gsm.Split(text)
	if attached > 0 || channel(p.options.From) != "" {
		s.Count = 1
	}
	return s
}
