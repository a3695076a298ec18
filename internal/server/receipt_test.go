package server_test

import (
	"net/http"
	"strings"
	"testing"

	"smsession/internal/webhooktest"
)

// receipt is a status callback as Twilio sends it. Its From is our number, which sent the message.
//
// See https://www.twilio.com/docs/messaging/guides/track-outbound-message-status.
func receipt() *request {
	sid := webhooktest.NewSID()
	r := message("")
	r.form = map[string][]string{
		"AccountSid": {accountSID}, "ApiVersion": {"2010-04-01"}, "From": {sender.To}, "To": {sender.From}, "MessageSid": {sid}, "SmsSid": {sid},
		"MessageStatus": {"delivered"}, "SmsStatus": {"delivered"},
	}
	return r
}

func TestReceipts(t *testing.T) {
	rows := map[string]func() *request{
		"a delivery receipt":              receipt,
		"a receipt without MessageStatus": func() *request { return receipt().with("MessageStatus") },
		"a receipt without SmsStatus":     func() *request { return receipt().with("SmsStatus") },
		"a receipt for a sent message": func() *request {
			return receipt().with("MessageStatus", "sent").with("SmsStatus", "sent")
		},
		"a WhatsApp receipt for a message that was read": func() *request {
			return receipt().with("MessageStatus", "read").with("SmsStatus", "read").with("From",
				"whatsapp:"+sender.To).with("To", "whatsapp:"+sender.From)
		},
		"a receipt without From, To and MessageSid": func() *request { return receipt().with("From").with("To").with("MessageSid") },
		"a receipt with only an empty SmsStatus":    func() *request { return receipt().with("MessageStatus").with("SmsStatus", "") },
		"a message with the status of a reply":      func() *request { return message("hello").with("SmsStatus", "queued") },
	}
	each(t, func(t *testing.T, s *store) {
		for name, make := range rows {
			for _, route := range routes {
				t.Run(name+" leaves no trace at "+route, func(t *testing.T) {
					r := newReplica(t, s.addr, withAccount)
					a := make().to(route).send(r.public)
					a.saysNothing(t)
					a.setsNoCookie(t)
					s.wantKeys(t, 0)
					r.log.wantLast(t, "INFO", "receipt")
					if got := scrape(t, r)[series(route, "receipt")]; got != 1 {
						t.Errorf("%v receipts are counted, want 1", got)
					}
				})
			}
		}
	})
	t.Run("a receipt needs a signature and the right account", func(t *testing.T) {
		r := newReplica(t, nobody, withAccount)
		receipt().signed(noSignature).send(r.public).refused(t, http.StatusForbidden)
		receipt().with("AccountSid", otherAccountSID).send(r.public).refused(t, http.StatusForbidden)
	})
}

// The forms are those of https://www.twilio.com/docs/voice/twiml#request-parameters and
// https://www.twilio.com/docs/conversations/conversations-webhooks.
func TestOtherForms(t *testing.T) {
	const call, conversation, participant = "CA00000000000000000000000000000001", "CH00000000000000000000000000000001",
		"MB00000000000000000000000000000001"
	each(t, func(t *testing.T, s *store) {
		r := newReplica(t, s.addr, withAccount)
		for name, form := range map[string]map[string][]string{
			"a call": {"AccountSid": {accountSID}, "ApiVersion": {"2010-04-01"}, "CallSid": {call}, "CallStatus": {"ringing"},
				"Direction": {"inbound"}, "From": {sender.From}, "To": {sender.To}},
			"the end of a call": {"AccountSid": {accountSID}, "CallSid": {call}, "CallStatus": {"completed"}, "CallDuration": {"7"},
				"From": {sender.From}, "To": {sender.To}},
			"a message of Conversations": {"AccountSid": {accountSID}, "EventType": {"onMessageAdded"}, "ConversationSid": {conversation},
				"MessageSid": {"IM00000000000000000000000000000001"}, "ParticipantSid": {participant}, "Author": {sender.From}, "Body": {"hi"}, "Source": {"SMS"}},
		} {
			t.Run(name+" is refused", func(t *testing.T) {
				other := message("")
				other.form = form
				other.send(r.public).refused(t, http.StatusBadRequest)
				s.wantKeys(t, 0)
			})
		}
	})
}

// The signed text does not mark where names and values end, so the signature is also valid for other parameters that
// give the same text.
func TestCutElsewhere(t *testing.T) {
	t.Run("a captured receipt is not a message", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr)
			// In the signed text, MessageStatus directly follows the MessageSid.
			for _, cut := range []string{"MessageStatusdelivered=", "MessageSt=atusdelivered",
				"MessageStatusd=elivered", "MessageStatusdeliv.="} {
				captured := receipt().written("MessageStatus=delivered", cut)
				captured.body = strings.Replace(captured.body, "SmsStatus=delivered", "SmsStatusdelivered=", 1)
				if a := captured.send(r.public); strings.Contains(a.Body, "<Message>") {
					t.Errorf("%s: the reply is %d %s", cut, a.Status, a.Body)
				}
				s.wantKeys(t, 0)
			}
		})
	})
	each(t, func(t *testing.T, s *store) {
		for _, row := range []struct{ name, before, after string }{
			{"if MessageSid absorbs NumMedia", "&NumMedia=0", "NumMedia0"},
			{"if From absorbs FromCity", "&FromCity=WASHINGTON", "FromCityWASHINGTON"},
			{"if To absorbs ToCity", "&ToCity=", "ToCity"},
		} {
			t.Run("a captured message is not accepted as a new one "+row.name, func(t *testing.T) {
				s.do(t, "FLUSHALL")
				r := newReplica(t, s.addr)
				// the accepted form with the fewest checks
				captured := message("hello").with("SmsMessageSid").with("SmsSid")
				captured.send(r.public).counts(t, 1)
				if body := captured.form.Encode(); strings.Count(body, row.before) != 1 {
					t.Fatalf("the parameter does not follow in %s", body)
				}
				captured.again().written(row.before, row.after).send(r.public).refused(t, http.StatusBadRequest)
				message("hello").send(r.public).counts(t, 2)
			})
		}
	})
}
