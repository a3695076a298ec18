package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
)

// receipt is a status callback as Twilio sends it. Its From is our number, which sent the message.
//
// See https://www.twilio.com/docs/messaging/guides/track-outbound-message-status.
func receipt() *post {
	sid := newSID()
	p := message("")
	p.form = map[string][]string{
		"AccountSid": {accountSID}, "ApiVersion": {"2010-04-01"}, "From": {to}, "To": {from}, "MessageSid": {sid}, "SmsSid": {sid},
		"MessageStatus": {"delivered"}, "SmsStatus": {"delivered"},
	}
	return p
}

func TestReceiptsAreNoMessages(t *testing.T) {
	rows := []struct {
		name string
		post func() *post
	}{
		{"a delivery receipt", receipt},
		{"a receipt without MessageStatus", func() *post { return receipt().with("MessageStatus") }},
		{"a receipt without SmsStatus", func() *post { return receipt().with("SmsStatus") }},
		{"a receipt for a sent message", func() *post { return receipt().with("MessageStatus", "sent").with("SmsStatus", "sent") }},
		{"a WhatsApp receipt for a message that was read", func() *post {
			return receipt().with("MessageStatus", "read").with("SmsStatus", "read").with("From", "whatsapp:"+to).with("To", "whatsapp:"+from)
		}},
		{"a receipt without From, To and MessageSid", func() *post { return receipt().with("From").with("To").with("MessageSid") }},
		{"a receipt with only an empty SmsStatus", func() *post { return receipt().with("MessageStatus").with("SmsStatus", "") }},
		{"a message with the status of a reply", func() *post { return message("hello").with("SmsStatus", "queued") }},
	}
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		for _, row := range rows {
			for _, route := range []string{"/sms", "/sms/fallback"} {
				t.Run(row.name+" at "+route, func(t *testing.T) {
					r := newReplica(t, addr, withAccount)
					a := row.post().to(route).send(r.public)
					a.saysNothing(t)
					if n := size(t, conn); n != 0 || len(a.cookies) != 0 {
						t.Errorf("the receipt left %d keys in Redis and set %d cookies", n, len(a.cookies))
					}
					if line := r.log.last(t); line["result"] != "receipt" || line["level"] != "INFO" {
						t.Errorf("the log line is %v", line)
					}
					if got := scrape(t, r)[`smsession_messages_total{result="receipt",route="`+route+`"}`]; got != 1 {
						t.Errorf("%v receipts are counted, want 1", got)
					}
				})
			}
		}
		r := newReplica(t, addr, withAccount)
		forged, other := receipt(), receipt().with("AccountSid", "AC00000000000000000000000000000000")
		forged.signature = "none"
		forged.send(r.public).refused(t, http.StatusForbidden)
		other.send(r.public).refused(t, http.StatusForbidden)
	})
}

// The forms are those of https://www.twilio.com/docs/voice/twiml#request-parameters and
// https://www.twilio.com/docs/conversations/conversations-webhooks.
func TestFormsOtherThanMessagesAreRefused(t *testing.T) {
	const call, conversation, participant = "CA00000000000000000000000000000001", "CH00000000000000000000000000000001", "MB00000000000000000000000000000001"
	for name, form := range map[string]map[string][]string{
		"a call": {"AccountSid": {accountSID}, "ApiVersion": {"2010-04-01"}, "CallSid": {call}, "CallStatus": {"ringing"},
			"Direction": {"inbound"}, "From": {from}, "To": {to}},
		"the end of a call": {"AccountSid": {accountSID}, "CallSid": {call}, "CallStatus": {"completed"}, "CallDuration": {"7"},
			"From": {from}, "To": {to}},
		"a message of Conversations": {"AccountSid": {accountSID}, "EventType": {"onMessageAdded"}, "ConversationSid": {conversation},
			"MessageSid": {"IM00000000000000000000000000000001"}, "ParticipantSid": {participant}, "Author": {from}, "Body": {"hi"}, "Source": {"SMS"}},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, addr string, conn redis.Conn) {
				r := newReplica(t, addr, withAccount)
				p := message("")
				p.form = form
				p.send(r.public).refused(t, http.StatusBadRequest)
				if n := size(t, conn); n != 0 {
					t.Errorf("it left %d keys in Redis", n)
				}
			})
		})
	}
}

// In the signed text, MessageStatus directly follows the MessageSid.
func TestACapturedReceiptCutElsewhereIsNoMessage(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		for _, cut := range []string{"MessageStatusdelivered=", "MessageSt=atusdelivered", "MessageStatusd=elivered", "MessageStatusdeliv.="} {
			p := receipt()
			p.signature = sign(token, publicURL+"/sms", p.form)
			body := strings.Replace(p.form.Encode(), "MessageStatus=delivered", cut, 1)
			p.body = strings.Replace(body, "SmsStatus=delivered", "SmsStatusdelivered=", 1)
			if a := p.send(r.public); strings.Contains(a.body, "<Message>") {
				t.Errorf("%s: got %d %s", cut, a.status, a.body)
			}
			if n := size(t, conn); n != 0 {
				t.Fatalf("%s: it left %d keys in Redis", cut, n)
			}
		}
	})
}

// Twilio's signature has no borders between names and values, so it is also valid for the same text that is cut at
// other places.
func TestACapturedRequestCutElsewhereIsNotAnotherMessage(t *testing.T) {
	rows := []struct{ name, before, after string }{
		{"MessageSid absorbs NumMedia", "&NumMedia=0", "NumMedia0"},
		{"From absorbs FromCity", "&FromCity=WASHINGTON", "FromCityWASHINGTON"},
		{"To absorbs ToCity", "&ToCity=", "ToCity"},
	}
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		for _, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				do(t, conn, "FLUSHALL")
				r := newReplica(t, addr)
				captured := message("hello").with("MessagingServiceSid")
				captured.with("SmsMessageSid").with("SmsSid") // the form with the fewest checks that is still accepted
				captured.send(r.public).says(t, tutorial(1))
				body := captured.form.Encode()
				if strings.Count(body, row.before) != 1 {
					t.Fatalf("the parameter does not follow in %s", body)
				}
				cut := captured.again()
				cut.signature = sign(token, publicURL+"/sms", captured.form)
				cut.body = strings.Replace(body, row.before, row.after, 1)
				cut.send(r.public).refused(t, http.StatusBadRequest)
				message("hello").send(r.public).says(t, tutorial(2))
			})
		}
	})
}
