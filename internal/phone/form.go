package phone

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"smsession/internal/gsm"
)

// parameters returns the parameters of a message, in the order in which they were captured. There are captures of SMS,
// of MMS and of WhatsApp. Other channels get WhatsApp's parameters without the ones about WhatsApp.
func (p *Phone) parameters(m Message) []Param {
	params := p.channelParameters(m)
	if channel(p.options.From) == "" {
		params = p.smsParameters(m)
	}
	if m.OptOutType != "" {
		params = append(params, Param{"OptOutType", m.OptOutType})
	}
	return append(params, m.More...)
}

func (p *Phone) smsParameters(m Message) []Param {
	from, to := p.options.FromPlace.of(p.options.From), p.options.ToPlace.of(p.options.To)
	return slices.Concat(
		[]Param{{"ToCountry", to.Country}},
		mediaTypes(m.Media),
		[]Param{
			{"ToState", to.State},
			{"SmsMessageSid", m.SID},
			{"NumMedia", strconv.Itoa(len(m.Media))},
			{"ToCity", to.City},
			{"FromZip", from.Zip},
			{"SmsSid", m.SID},
			{"FromState", from.State},
			{"SmsStatus", "received"},
			{"FromCity", from.City},
			{"Body", m.Body},
			{"FromCountry", from.Country},
			{"To", p.options.To},
		},
		p.serviceParameter(),
		[]Param{
			{"ToZip", to.Zip},
			{"NumSegments", strconv.Itoa(p.segments(m.Body, len(m.Media)).Count)},
			{"MessageSid", m.SID},
			{"AccountSid", p.options.AccountSID},
			{"From", p.options.From},
		},
		mediaURLs(m.Media),
		[]Param{{"ApiVersion", "2010-04-01"}},
	)
}

func (p *Phone) channelParameters(m Message) []Param {
	var profile, number, metadata []Param
	if channel(p.options.From) == "whatsapp" {
		profile = []Param{{"ProfileName", p.options.ProfileName}, {"MessageType", messageType(m.Media)}}
		number = []Param{{"WaId", onlyDigits(p.options.From)}}
		metadata = []Param{{"ChannelMetadata", p.channelMetadata()}}
	}
	return slices.Concat(
		mediaTypes(m.Media),
		[]Param{{"SmsMessageSid", m.SID}, {"NumMedia", strconv.Itoa(len(m.Media))}},
		profile,
		[]Param{{"SmsSid", m.SID}},
		number,
		[]Param{{"SmsStatus", "received"}, {"Body", m.Body}, {"To", p.options.To}},
		p.serviceParameter(),
		[]Param{{"NumSegments", "1"}, {"ReferralNumMedia", "0"}, {"MessageSid", m.SID}, {"AccountSid", p.options.AccountSID}},
		metadata,
		[]Param{{"From", p.options.From}},
		mediaURLs(m.Media),
		[]Param{{"ApiVersion", "2010-04-01"}},
	)
}

// statusParameters returns the parameters about a reply, as captured from a status callback. Twilio's page on <Message>
// names MessageSid and MessageStatus for its action.
func (p *Phone) statusParameters(r Reply) []Param {
	sid := NewSID()
	return slices.Concat(
		[]Param{{"SmsSid", sid}, {"SmsStatus", "queued"}, {"MessageStatus", "queued"}, {"To", r.To}},
		p.serviceParameter(),
		[]Param{{"MessageSid", sid}, {"AccountSid", p.options.AccountSID}, {"From", r.From}, {"ApiVersion", "2010-04-01"}},
	)
}

func (p *Phone) serviceParameter() []Param {
	if p.options.MessagingServiceSID == "" {
		return nil
	}
	return []Param{{"MessagingServiceSid", p.options.MessagingServiceSID}}
}

func mediaTypes(media []Media) (params []Param) {
	for i, m := range media {
		params = append(params, Param{"MediaContentType" + strconv.Itoa(i), m.ContentType})
	}
	return params
}

func mediaURLs(media []Media) (params []Param) {
	for i, m := range media {
		params = append(params, Param{"MediaUrl" + strconv.Itoa(i), m.URL})
	}
	return params
}

// channelMetadata returns WhatsApp's parameters as JSON. Its keys have been captured.
func (p *Phone) channelMetadata() string {
	type context struct{ ProfileName, WaId string }
	type data struct {
		Context context `json:"context"`
	}
	text, _ := json.Marshal(struct { // strings cannot fail
		Type string `json:"type"`
		Data data   `json:"data"`
	}{"whatsapp", data{context{p.options.ProfileName, onlyDigits(p.options.From)}}})
	return string(text)
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

// of returns the place that Twilio sends for a number.
func (p Place) of(number string) Place {
	if p == (Place{}) && strings.HasPrefix(number, "+1") {
		p.Country = "US"
	}
	return p
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
func encode(params []Param) []byte {
	var form strings.Builder
	for i, p := range params {
		if i > 0 {
			form.WriteByte('&')
		}
		form.WriteString(url.QueryEscape(p.Name))
		form.WriteByte('=')
		form.WriteString(url.QueryEscape(p.Value))
	}
	return []byte(strings.ReplaceAll(strings.ReplaceAll(form.String(), "%2A", "*"), "~", "%7E"))
}
