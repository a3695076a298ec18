package server_test

import (
	"net/http"
	"testing"
	"time"

	"smsession/internal/twilio"
)

// These are the effects of a message on a conversation that has begun.
const (
	counts = "counts" // it is answered and renews the session
	ends   = "ends"   // it gets no reply, and the next message is the first
	passes = "passes" // it gets no reply and leaves no trace
)

// optOuts are the rows of the test: Twilio's words, OptOutType and the channels, with their effects.
func optOuts() []optOut {
	rows := []optOut{
		{"STOP with other words is a message", twilio.OptOutDefault, "STOP PLEASE", "", "", counts},
		{"STOP with a full stop is a message", twilio.OptOutDefault, "STOP.", "", "", counts},
		{"half a word is a message", twilio.OptOutDefault, "STO", "", "", counts},
		{"a word in small letters counts", twilio.OptOutDefault, "stop", "", "", ends},
		{"a word in mixed letters counts", twilio.OptOutDefault, "sToP", "", "", ends},
		{"white space around a word is ignored", twilio.OptOutDefault, " \tSTOP\r\n", "", "", ends},
		{"YES is an ordinary message", twilio.OptOutDefault, "YES", "", "", counts},
		{"NO is a message", twilio.OptOutDefault, "NO", "", "", counts},

		{"OptOutType STOP ends with any text", twilio.OptOutDefault, "ALTO", "STOP", "", ends},
		{"OptOutType START passes with any text", twilio.OptOutDefault, "SI", "START", "", passes},
		{"OptOutType HELP passes with any text", twilio.OptOutDefault, "AYUDA", "HELP", "", passes},
		{"OptOutType HELP takes precedence over the word STOP", twilio.OptOutDefault, "STOP", "HELP", "", passes},
		{"OptOutType START takes precedence over the word YES", twilio.OptOutDefault, "YES", "START", "", passes},

		{"STOP on a channel is a message", twilio.OptOutDefault, "STOP", "", "whatsapp:", counts},
		{"HELP on a channel is a message", twilio.OptOutDefault, "HELP", "", "whatsapp:", counts},
		{"STOP on RCS ends", twilio.OptOutDefault, "STOP", "", "rcs:", ends},
		{"HELP on RCS passes", twilio.OptOutDefault, "HELP", "", "rcs:", passes},
		{"START on RCS passes", twilio.OptOutDefault, "START", "", "rcs:", passes},
		{"advanced: STOP on RCS is a message", twilio.OptOutAdvanced, "STOP", "", "rcs:", counts},
		{"OptOutType STOP ends on a channel", twilio.OptOutDefault, "STOP", "STOP", "whatsapp:", ends},
		{"OptOutType HELP passes on a channel", twilio.OptOutDefault, "x", "HELP", "whatsapp:", passes},

		{"advanced: OptOutType STOP ends", twilio.OptOutAdvanced, "ALTO", "STOP", "", ends},
		{"advanced: OptOutType HELP passes", twilio.OptOutAdvanced, "AYUDA", "HELP", "", passes},
		{"advanced: OptOutType START passes", twilio.OptOutAdvanced, "SI", "START", "", passes},
		{"advanced: OptOutType STOP ends on a channel", twilio.OptOutAdvanced, "x", "STOP", "rcs:", ends},

		{"off: OptOutType STOP is a message", twilio.OptOutOff, "ALTO", "STOP", "", counts},
		{"off: OptOutType HELP is a message", twilio.OptOutOff, "AYUDA", "HELP", "", counts},
	}
	for effect, words := range map[string][]string{
		ends:   {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"},
		passes: {"START", "UNSTOP", "HELP", "INFO"},
	} {
		for _, word := range words {
			rows = append(rows,
				optOut{"default: " + word + " " + effect, twilio.OptOutDefault, word, "", "", effect},
				optOut{"advanced: " + word + " is a message", twilio.OptOutAdvanced, word, "", "", counts},
				optOut{"off: " + word + " is a message", twilio.OptOutOff, word, "", "", counts})
		}
	}
	return rows
}

type optOut struct {
	name    string
	mode    twilio.OptOutMode
	body    string
	kind    string // OptOutType, "" for none
	channel string
	effect  string
}

// request returns the message of the row.
func (o optOut) request() *request {
	r := o.ordinary().with("Body", o.body)
	if o.kind != "" {
		r.with("OptOutType", o.kind)
	}
	return r
}

// ordinary returns another message from the same sender.
func (o optOut) ordinary() *request {
	return message("hello").with("From", o.channel+sender.From).with("To", o.channel+sender.To)
}

func TestOptOut(t *testing.T) {
	each(t, func(t *testing.T, s *store) {
		replicas := map[twilio.OptOutMode]*replica{}
		for _, mode := range []twilio.OptOutMode{twilio.OptOutDefault, twilio.OptOutAdvanced, twilio.OptOutOff} {
			replicas[mode] = newReplica(t, s.addr, func(s *settings) { s.server.OptOut = mode })
		}
		for _, row := range optOuts() {
			t.Run(row.name, func(t *testing.T) {
				s.do(t, "FLUSHALL")
				row.inAConversation(t, replicas[row.mode], s, "/sms")
			})
			if row.effect != counts {
				t.Run(row.name+" at the fallback URL", func(t *testing.T) {
					s.do(t, "FLUSHALL")
					row.inAConversation(t, replicas[row.mode], s, "/sms/fallback")
				})
			}
			t.Run(row.name+" as the first message", func(t *testing.T) {
				s.do(t, "FLUSHALL")
				row.first(t, replicas[row.mode], s)
			})
		}
	})
}

func (o optOut) inAConversation(t *testing.T, r *replica, s *store, route string) {
	t.Helper()
	cookie := o.ordinary().send(r.public).counts(t, 1)
	o.ordinary().carrying(cookie).send(r.public).counts(t, 2)
	s.expireSoon(t)
	before := s.snapshot(t)

	sent := o.request().to(route).carrying(cookie)
	a := sent.send(r.public)
	next, later := 3, 4
	switch o.effect {
	case counts:
		a.counts(t, 3)
		next, later = 4, 5
	case ends:
		a.saysNothing(t)
		next, later = 1, 2
	case passes:
		a.saysNothing(t)
		a.setsNoCookie(t)
		if after := s.snapshot(t); after != before {
			t.Errorf("the keys were %s and are %s", before, after)
		}
	}
	s.wantRenewed(t, o.effect != passes)
	o.ordinary().carrying(cookie).send(r.public).counts(t, next)
	// A repeat gets the same reply as the first delivery, and changes nothing.
	if again := sent.again().send(r.public); again.Body != a.Body {
		t.Errorf("the repeat got %q, the first delivery got %q", again.Body, a.Body)
	}
	o.ordinary().carrying(cookie).send(r.public).counts(t, later)
}

func (o optOut) first(t *testing.T, r *replica, s *store) {
	t.Helper()
	a := o.request().send(r.public)
	next := 1
	switch o.effect {
	case counts:
		a.counts(t, 1)
		next = 2
	case ends:
		a.saysNothing(t)
	case passes:
		a.saysNothing(t)
		a.setsNoCookie(t)
		s.wantKeys(t, 0)
	}
	o.ordinary().send(r.public).counts(t, next)
}

func TestKeywords(t *testing.T) {
	t.Run("a keyword without a signature or a MessageSid ends nothing", func(t *testing.T) {
		each(t, func(t *testing.T, s *store) {
			r := newReplica(t, s.addr)
			cookie := message("hello").send(r.public).counts(t, 1)
			for _, word := range []string{"STOP", "HELP", "START"} {
				message(word).carrying(cookie).signed(noSignature).send(r.public).refused(t, http.StatusForbidden)
				message(word).with("MessageSid", "").send(r.public).refused(t, http.StatusBadRequest)
			}
			message("hello").carrying(cookie).send(r.public).counts(t, 2)
			s.wantKeys(t, 2)
		})
	})
	// Twilio has already answered HELP and START, so the empty reply needs no Redis.
	t.Run("HELP and START are answered while Redis is away", func(t *testing.T) {
		r := newReplica(t, nobody, withBudget(50*time.Millisecond))
		for _, word := range []string{"HELP", "START"} {
			for _, route := range routes {
				message(word).to(route).send(r.public).saysNothing(t)
			}
		}
		message("STOP").send(r.public).refused(t, http.StatusServiceUnavailable)
	})
	// The sender has just opted out, so nothing may be sent.
	t.Run("STOP does not get the apology while Redis is away", func(t *testing.T) {
		r := newReplica(t, nobody, withBudget(50*time.Millisecond))
		for _, stop := range []*request{
			message("STOP"),
			message("stop").with("From", "rcs:"+sender.From).with("To", "rcs:brand_agent"),
			message("ALTO").with("OptOutType", "STOP"),
		} {
			stop.to("/sms/fallback").send(r.public).saysNothing(t)
			if line := r.log.wantLast(t, "ERROR", "keyword_failed"); line["status"] != 200.0 || line["error"] == nil {
				t.Errorf("the log line is %v", line)
			}
		}
		if got := scrape(t, r)[series("/sms/fallback", "keyword_failed")]; got != 3 {
			t.Errorf("%v failures are counted, want 3", got)
		}
		message("hello").to("/sms/fallback").send(r.public).says(t, apology)
	})
}
