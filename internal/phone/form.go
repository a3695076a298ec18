package phone

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"smsession/internal/gsm"
)

// The parameters of a message in the order of captured requests. MediaContentType and MediaUrl mark the position of the
// numbered parameters of all media. SMS, MMS and WhatsApp have been captured. Other channels get WhatsApp's parameters
// without those that only WhatsApp has. The status parameters are those of a status callback; Twilio's page on <Message>
// names MessageSid and MessageStatus for its action.
const (
	smsOrder = "ToCountry MediaContentType ToState SmsMessageSid NumMedia ToCity FromZip SmsSid FromState SmsStatus FromCity " +
		"Body FromCountry To MessagingServiceSid ToZip NumSegments MessageSid AccountSid From MediaUrl ApiVersion"
	channelOrder = "MediaContentType SmsMessageSid NumMedia ProfileName MessageType SmsSid WaId SmsStatus Body To " +
		"MessagingServiceSid NumSegments ReferralNumMedia MessageSid AccountSid ChannelMetadata From MediaUrl ApiVersion"
	statusOrder = "SmsSid SmsStatus MessageStatus To MessagingServiceSid MessageSid AccountSid From ApiVersion"
)

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
	if channel(from) != "" {
		order = channelOrder
	}
	if id, found := strings.CutPrefix(from, "whatsapp:"); found {
		addWhatsApp(values, strings.TrimPrefix(id, "+"), m.Media)
	}
	if m.OptOutType != "" {
		values["OptOutType"] = m.OptOutType
	}
	return inOrder(order+" OptOutType", values, m.Media)
}

// addWhatsApp adds the parameters of WhatsApp. All senders have the same name. The keys of ChannelMetadata have been
// captured, and "text" is the only MessageType that has been captured.
func addWhatsApp(values map[string]string, id string, media []Media) {
	const name = "Somebody"
	values["ProfileName"], values["WaId"] = name, id
	values["ChannelMetadata"] = fmt.Sprintf(`{"type":"whatsapp","data":{"context":{"ProfileName":%q,"WaId":%q}}}`, name, id)
	values["MessageType"] = "text"
	if len(media) > 0 {
		kind, _, _ := strings.Cut(media[0].ContentType, "/")
		values["MessageType"] = cmp.Or(map[string]string{"image": kind, "audio": kind, "video": kind}[kind], "document")
	}
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
	pairs := make([]string, len(params))
	for i, p := range params {
		pairs[i] = url.QueryEscape(p.name) + "=" + url.QueryEscape(p.value)
	}
	return []byte(strings.NewReplacer("%2A", "*", "~", "%7E").Replace(strings.Join(pairs, "&")))
}
