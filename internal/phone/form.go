package phone

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"smsession/internal/gsm"
)

// The parameters of a message in the order of captured requests, some with their fixed values. A parameter without a
// value is left out. MediaContentType and MediaUrl mark the position of the numbered parameters of all media. The
// captured requests are for SMS, MMS and WhatsApp. A message on another channel has the same parameters as WhatsApp,
// except those that only WhatsApp has. statusOrder has the parameters of a captured status callback. Twilio's page on
// <Message> lists only MessageSid and MessageStatus for its action.
//
// The city, the state and the ZIP code of a number are empty, because Twilio sends an unknown location in this way. The
// country is US for a number with +1, and empty for other numbers.
const (
	smsOrder = "ToCountry MediaContentType ToState= SmsMessageSid NumMedia ToCity= FromZip= SmsSid FromState= " +
		"SmsStatus=received FromCity= Body FromCountry To MessagingServiceSid ToZip= NumSegments MessageSid " +
		"AccountSid From MediaUrl ApiVersion=2010-04-01 OptOutType"
	channelOrder = "MediaContentType SmsMessageSid NumMedia ProfileName MessageType SmsSid WaId SmsStatus=received " +
		"Body To MessagingServiceSid NumSegments ReferralNumMedia=0 MessageSid AccountSid ChannelMetadata " +
		"From MediaUrl ApiVersion=2010-04-01 OptOutType"
	statusOrder = "ErrorCode ChannelPrefix RawDlrDoneDate SmsSid SmsStatus MessageStatus To MessagingServiceSid " +
		"MessageSid AccountSid From ApiVersion=2010-04-01"
)

// Param is one form parameter of a message.
type Param struct{ Name, Value string }

// parameters returns the parameters of a message.
func (p *Phone) parameters(m Message) []Param {
	o := p.options
	values := p.values(m.SID, o.From, o.To)
	values["SmsMessageSid"], values["Body"], values["OptOutType"] = m.SID, m.Body, m.OptOutType
	values["NumMedia"] = strconv.Itoa(len(m.Media))
	values["NumSegments"] = strconv.Itoa(p.segments(m.Body, len(m.Media)).Count)
	values["FromCountry"], values["ToCountry"] = country(o.From), country(o.To)
	if m.OptOutType == "" {
		delete(values, "OptOutType")
	}
	if channel(o.From) == "" {
		return inOrder(smsOrder, values, m.Media)
	}
	if id, found := strings.CutPrefix(o.From, "whatsapp:"); found {
		maps.Copy(values, whatsApp(strings.TrimPrefix(id, "+"), m.Media))
	}
	return inOrder(channelOrder, values, m.Media)
}

// whatsApp returns the parameters that only WhatsApp has. All senders have the same ProfileName. The keys of
// ChannelMetadata and the MessageType "text" come from captured requests. The other values of MessageType are assumed.
func whatsApp(id string, media []Media) map[string]string {
	const name = "Somebody"
	messageType := "text"
	if len(media) > 0 {
		kind, _, _ := strings.Cut(media[0].ContentType, "/")
		messageType = cmp.Or(map[string]string{"image": kind, "audio": kind, "video": kind}[kind], "document")
	}
	return map[string]string{
		"ProfileName":     name,
		"WaId":            id,
		"MessageType":     messageType,
		"ChannelMetadata": fmt.Sprintf(`{"type":"whatsapp","data":{"context":{"ProfileName":%q,"WaId":%q}}}`, name, id),
	}
}

func country(number string) string {
	if strings.HasPrefix(number, "+1") {
		return "US"
	}
	return ""
}

// values returns the parameters that a message and a status callback have in common.
func (p *Phone) values(sid, from, to string) map[string]string {
	account := p.options.AccountSID
	values := map[string]string{"MessageSid": sid, "SmsSid": sid, "AccountSid": account, "From": from, "To": to}
	if p.options.MessagingServiceSID != "" {
		values["MessagingServiceSid"] = p.options.MessagingServiceSID
	}
	return values
}

// status returns the parameters of a request about the status of a reply. A delivered SMS has the minute of its
// delivery, which comes from the carrier.
//
// See https://www.twilio.com/docs/messaging/guides/track-outbound-message-status.
func (p *Phone) status(r Reply, status string, now time.Time) []Param {
	values := p.values(r.SID, r.From, r.To)
	values["SmsStatus"], values["MessageStatus"] = status, status
	switch prefix := channel(r.To); {
	case prefix != "":
		values["ChannelPrefix"] = prefix
	case status == "delivered":
		values["RawDlrDoneDate"] = now.UTC().Format("0601021504")
	}
	if r.Status == Refused {
		values["ErrorCode"] = "21610"
	}
	return inOrder(statusOrder, values, nil)
}

// replace returns the parameters with those of a person: they replace a parameter of the same name, or come at the end.
func replace(params, with []Param) []Param {
	for _, p := range with {
		i := slices.IndexFunc(params, func(old Param) bool { return old.Name == p.Name })
		if i < 0 {
			params = append(params, p)
		} else {
			params[i].Value = p.Value
		}
	}
	return params
}

// inOrder returns the parameters that have a value, in the given order, such as smsOrder.
func inOrder(order string, values map[string]string, media []Media) (params []Param) {
	for word := range strings.FieldsSeq(order) {
		name, value, isFixed := strings.Cut(word, "=")
		if given, found := values[name]; found || isFixed {
			params = append(params, Param{name, value + given})
		}
		for i, m := range media {
			switch name {
			case "MediaContentType":
				params = append(params, Param{name + strconv.Itoa(i), m.ContentType})
			case "MediaUrl":
				params = append(params, Param{name + strconv.Itoa(i), m.URL})
			}
		}
	}
	return params
}

// segments returns how a text is split into segments. A message with media, or on a channel, has one segment.
func (p *Phone) segments(text string, media int) gsm.Segments {
	s := gsm.Split(text)
	if media > 0 || channel(p.options.From) != "" {
		s.Count = 1
	}
	return s
}

// encode returns an application/x-www-form-urlencoded body. It escapes like Java's URLEncoder, as Twilio's bodies do:
// unlike net/url, it does not escape an asterisk, and it escapes a tilde.
func encode(params []Param) []byte {
	pairs := make([]string, len(params))
	for i, p := range params {
		pairs[i] = url.QueryEscape(p.Name) + "=" + url.QueryEscape(p.Value)
	}
	return []byte(strings.NewReplacer("%2A", "*", "~", "%7E").Replace(strings.Join(pairs, "&")))
}
