package phone

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"smsession/internal/twiml"
)

// withoutRepeats returns the findings with each warning only once, because a document that redirects to itself is read
// up to 50 times. It also reports the 21610 of a document once. It leaves out the 14109 of all documents together if
// there is already a 14109 of one of them.
func withoutRepeats(all []Finding) []Finding {
	once := []Finding{} // [] in JSON, not null
	for _, f := range all {
		hasCode := func(other Finding) bool { return other.Code == f.Code }
		isRepeat := (f.Warning || f.Code == 21610) && slices.Contains(once, f) ||
			f.Detail == tooManyMessages && slices.ContainsFunc(once, hasCode)
		if !isRepeat {
			once = append(once, f)
		}
	}
	return once
}

// maxBody is how many characters the Body of a message has at most.
// See https://www.twilio.com/docs/messaging/guides/webhook-request.
const maxBody = 1600

// warnParameters warns if the parameters of the message are assumed, because no request of this kind has been captured.
// It also warns about a text that Twilio would not send as it is.
func (s sending) warnParameters() (found twiml.Findings) {
	switch name := channel(s.phone.options.From); {
	case name == "":
	case name != "whatsapp":
		found.Warn(0, "It is not confirmed which parameters Twilio sends for this channel.")
	case len(s.message.Media) > 0:
		found.Warn(0, "It is not confirmed which MessageType Twilio sends for media on WhatsApp.")
	}
	if n := utf8.RuneCountInString(s.message.Body); n > maxBody {
		found.Warn(0, "The message has %d characters. Twilio's messages have at most %d.", n, maxBody)
	}
	return found
}

// warnCookies warns if the documentation does not show whether Twilio would send the cookies of a request.
func (s sending) warnCookies(r request) (found twiml.Findings) {
	switch {
	case channel(s.phone.options.From) != "":
		found.Warn(0, "It is not confirmed whether Twilio keeps cookies for channels.")
	case len(s.message.Media) > 0:
		found.Warn(0, "It is not confirmed whether Twilio sends cookies with MMS.")
	case r.reason == Fallback:
		found.Warn(0, "It is not confirmed whether Twilio sends the cookies to the fallback URL, too.")
	}
	return found
}

// explainSignature tells a person which URL a request to a webhook was signed for, with which token, and of which
// account it is, so that they can compare all three with the webhook's. It does not contain the token.
func (o Options) explainSignature(url string) string {
	const shown = 4 // of 32 characters; what is left cannot be guessed
	token := fmt.Sprintf("an auth token of %d characters", len(o.AuthToken))
	switch {
	case o.NoSignature:
		return "The request had no signature. The webhook may require one."
	case o.TokenMadeUp:
		token = "a made-up auth token, because none was given (TWILIO_AUTH_TOKEN)"
	case len(o.AuthToken) >= 6*shown:
		token = fmt.Sprintf("the auth token %s…%s", o.AuthToken[:shown], o.AuthToken[len(o.AuthToken)-shown:])
	}
	return fmt.Sprintf("If the webhook refused the signature, compare its URL and auth token with the phone's. "+
		"The phone signed the URL %s with %s. If it refused the account, compare its account SID with %s.",
		url, token, o.AccountSID)
}

// resendTime is how much later a delivery of the same message may be and still count as its repeat, by the phone's
// clock. Twilio repeats a message within seconds. After hours, a webhook may have forgotten the message.
const resendTime = time.Hour

// answered has the latest messages that the webhook has answered. It is safe for concurrent use. The zero value
// remembers nothing.
type answered struct {
	limit int // how many messages are remembered

	mu   sync.Mutex
	list []answer // the latest one is the last
}

// answer is the first answer to a message.
type answer struct {
	sid     string
	at      time.Time
	replies []Reply
}

// has reports whether the message has been answered.
func (a *answered) has(sid string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.find(sid) >= 0
}

func (a *answered) find(sid string) int {
	return slices.IndexFunc(a.list, func(one answer) bool { return one.sid == sid })
}

// compare remembers the replies to a message at a time. If the message was answered before, and not long ago, compare
// returns a finding unless the replies are the same. A webhook that does not answer a repeat may have ignored it on
// purpose: that is only a warning.
func (a *answered) compare(sid string, at time.Time, replies []Reply) (found twiml.Findings) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.find(sid)
	if i < 0 {
		a.list = append(a.list, answer{sid, at, replies})
		a.list = slices.Delete(a.list, 0, max(len(a.list)-a.limit, 0))
		return found
	}
	first, now := textOf(a.list[i].replies), textOf(replies)
	switch {
	case at.Sub(a.list[i].at) > resendTime || SameReplies(a.list[i].replies, replies):
	case now == "":
		found.Warn(0, "The repeat of %s got no reply. If Twilio resends a message because the first reply was lost, "+
			"the sender gets none. The first reply was %.60q.", sid, first)
	default:
		found.Fail(0, "The repeat of %s got another reply: a resend would act twice. "+
			"The first reply was %.60q, this one is %.60q.", sid, first, now)
	}
	return found
}

// textOf returns the texts and the media of the webhook's replies, one on each line.
func textOf(replies []Reply) string {
	var lines []string
	for _, r := range replies {
		if !r.FromTwilio {
			lines = append(append(lines, r.Body), r.Media...)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
