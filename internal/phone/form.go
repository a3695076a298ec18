package phone

import (
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"smsession/internal/gsm"
)

// The parameters of a message in the order in which they were captured. MediaContentType and MediaUrl stand for those of
// all media. There are captures of SMS, of MMS and of WhatsApp. Other channels get WhatsApp's parameters without the ones
// about WhatsApp. The status parameters are those of a status callback; Twilio's page on <Message> names MessageSid and
// MessageStatus for its action.
const (
	smsOrder = "ToCountry MediaContentType ToState SmsMessageSid NumMedia ToCity FromZip SmsSid FromState SmsStatus FromCity " +
		"Body FromCountry To MessagingServiceSid ToZip NumSegments MessageSid AccountSid From MediaUrl ApiVersion"
	channelOrder = "MediaContentType SmsMessageSid NumMedia ProfileName MessageType SmsSid WaId SmsStatus Body To " +
		"MessagingServiceSid NumSegments ReferralNumMedia MessageSid AccountSid ChannelMetadata From MediaUrl ApiVersion"
	statusOrder = "SmsSid SmsStatus MessageStatus To MessagingServiceSid MessageSid AccountSid From ApiVersion"
)

// profileName is the name of every sender on WhatsApp.
const profileName = "Somebody"

// param is one form parameter.
type param struct{ name, value string }

// parameters returns the parameters of a message. The places of the numbers are sent empty, as Twilio sends unknown ones,
// except that a number with +1 is in the US.
func (p *Phone) parameters(m Message) []param {
	from := p.options.From
	values := p.values(m.SID, from, p.options.To)
	maps.Copy(values, map[string]string{
		"FromCity": "", "FromState": "", "FromZip": "", "FromCountry": country(from),
		"ToCity": "", "ToState": "", "ToZip": "", "ToCountry": country(p.options.To),
		"SmsStatus":        "received",
		"SmsMessageSid":    m.SID,
		"Body":             m.Body,
		"NumMedia":         strconv.Itoa(len(m.Media)),
		"NumSegments":      strconv.Itoa(p.segments(m.Body, len(m.Media)).Count),
		"ReferralNumMedia": "0",
	})
	order := smsOrder
	if name := channel(from); name != "" {
		order = channelOrder
		if name == "whatsapp" {
			values["ProfileName"], values["WaId"] = profileName, onlyDigits(from)
			values["MessageType"], values["ChannelMetadata"] = messageType(m.Media), channelMetadata(from)
		}
	}
	if m.OptOutType != "" {
		values["OptOutType"] = m.OptOutType
	}
	return inOrder(order+" OptOutType", values, m.Media)
}

func country(number string) string {
	if strings.HasPrefix(number, "+1") {
		return "US"
	}
	return ""
}

// statusParameters returns the parameters about a reply.
func (p *Phone) statusParameters(r Reply) []param {
	values := p.values(NewSID(), r.From, r.To)
	values["SmsStatus"], values["MessageStatus"] = "queued", "queued"
	return inOrder(statusOrder, values, nil)
}

// values returns the parameters that messages and replies have in common.
func (p *Phone) values(sid, from, to string) map[string]string {
	values := map[string]string{
		"MessageSid": sid,
		"SmsSid":     sid,
		"AccountSid": p.options.AccountSID,
		"From":       from,
		"To":         to,
		"ApiVersion": "2010-04-01",
	}
	if p.options.MessagingServiceSID != "" {
		values["MessagingServiceSid"] = p.options.MessagingServiceSID
	}
	return values
}

// inOrder returns the parameters that have a value.
func inOrder(order string, values map[string]string, media []Media) (params []param) {
	for name := range strings.FieldsSeq(order) {
		if value, found := values[name]; found {
			params = append(params, param{name, value})
		}
		for i, m := range media {
			switch name {
			case "MediaContentType":
				params = append(params, param{name + strconv.Itoa(i), m.ContentType})
			case "MediaUrl":
				params = append(params, param{name + strconv.Itoa(i), m.URL})
			}
		}
	}
	return params
}

// channelMetadata returns WhatsApp's parameters as JSON. Its keys have been captured.
func channelMetadata(from string) string {
	return fmt.Sprintf(`{"type":"whatsapp","data":{"context":{"ProfileName":"%s","WaId":"%s"}}}`, profileName, onlyDigits(from))
}

// messageType returns WhatsApp's name for the kind of a message. Only "text" has been captured.
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

// segments returns how a text is split between these numbers. A message with media, or on a channel, has one segment.
func (p *Phone) segments(text string, media int) gsm.Segments {
	s := gsm.Split(text)
	if media > 0 || channel(p.options.From) != "" {
		s.Count = 1
	}
	return s
}

// encode returns an application/x-www-form-urlencoded body. It escapes like Java's URLEncoder, as Twilio's bodies do:
// unlike in net/url, an asterisk is not escaped and a tilde is.
func encode(params []param) []byte {
	var form strings.Builder
	for i, p := range params {
		if i > 0 {
			form.WriteByte('&')
		}
		form.WriteString(url.QueryEscape(p.name))
		form.WriteByte('=')
		form.WriteString(url.QueryEscape(p.value))
	}
	return []byte(strings.ReplaceAll(strings.ReplaceAll(form.String(), "%2A", "*"), "~", "%7E"))
}
