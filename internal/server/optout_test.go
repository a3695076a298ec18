package server_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/twilio"
)

// What a message does to a conversation that goes on.
const (
	counts = "counts" // it is answered and renews the session
	ends   = "ends"   // it gets no reply, and the next message is the first
	passes = "passes" // it gets no reply and leaves no trace
)

// optOuts are the rows: Twilio's words, and what else decides.
func optOuts() []optOut {
	rows := []optOut{
		{"STOP with other words is a message", twilio.OptOutDefault, "STOP PLEASE", "", "", counts},
		{"STOP with a full stop is a message", twilio.OptOutDefault, "STOP.", "", "", counts},
		{"half a word is a message", twilio.OptOutDefault, "STO", "", "", counts},
		{"a word in small letters counts", twilio.OptOutDefault, "stop", "", "", ends},
		{"a word in mixed letters counts", twilio.OptOutDefault, "sToP", "", "", ends},
		{"white space around it does not", twilio.OptOutDefault, " \tSTOP\r\n", "", "", ends},
		{"YES is an ordinary message", twilio.OptOutDefault, "YES", "", "", counts},
		{"so is NO", twilio.OptOutDefault, "NO", "", "", counts},

		{"OptOutType STOP ends whatever the text", twilio.OptOutDefault, "ALTO", "STOP", "", ends},
		{"OptOutType START passes whatever the text", twilio.OptOutDefault, "SI", "START", "", passes},
		{"OptOutType HELP passes whatever the text", twilio.OptOutDefault, "AYUDA", "HELP", "", passes},
		{"OptOutType HELP goes before the word STOP", twilio.OptOutDefault, "STOP", "HELP", "", passes},
		{"OptOutType START goes before the word YES", twilio.OptOutDefault, "YES", "START", "", passes},

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

// post returns the row's message, or an ordinary one from the same sender.
func (o optOut) post(ordinary bool) *post {
	p := message("hello").with("From", o.channel+from).with("To", o.channel+to)
	if ordinary {
		return p
	}
	p.with("Body", o.body)
	if o.kind != "" {
		p.with("OptOutType", o.kind)
	}
	return p
}

func TestOptOut(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		replicas := map[twilio.OptOutMode]*replica{}
		for _, mode := range []twilio.OptOutMode{twilio.OptOutDefault, twilio.OptOutAdvanced, twilio.OptOutOff} {
			replicas[mode] = newReplica(t, addr, withOptOut(mode))
		}
		for _, row := range optOuts() {
			t.Run(row.name, func(t *testing.T) {
				do(t, conn, "FLUSHALL")
				row.duringAConversation(t, replicas[row.mode], conn, "/sms")
			})
			if row.effect != counts {
				t.Run(row.name+" at the fallback URL", func(t *testing.T) {
					do(t, conn, "FLUSHALL")
					row.duringAConversation(t, replicas[row.mode], conn, "/sms/fallback")
				})
			}
			t.Run(row.name+" as the first message", func(t *testing.T) {
				do(t, conn, "FLUSHALL")
				row.asTheFirst(t, replicas[row.mode], conn)
			})
		}
	})
}

func (o optOut) duringAConversation(t *testing.T, r *replica, conn redis.Conn, route string) {
	t.Helper()
	cookie := o.post(true).send(r.public).says(t, tutorial(1))
	o.post(true).carrying(cookie).send(r.public).says(t, tutorial(2))
	keys := age(t, conn)
	before := dump(t, conn, keys)

	p := o.post(false).to(route)
	a := p.carrying(cookie).send(r.public)
	renewed := true
	next := tutorial(3)
	switch o.effect {
	case counts:
		a.says(t, tutorial(3))
		next = tutorial(4)
	case ends:
		a.saysNothing(t)
		next = tutorial(1)
	case passes:
		a.saysNothing(t)
		renewed = false
		if len(a.cookies) > 0 {
			t.Errorf("it sets %v", a.cookies)
		}
		if after := dump(t, conn, keys); after != before {
			t.Errorf("the keys were %s and are %s", before, after)
		}
	}
	for _, key := range keys {
		if left := ttl(t, conn, key); (left > time.Hour) != renewed || left <= 0 {
			t.Errorf("%.17s lives for another %v, want it renewed: %v", key, left, renewed)
		}
	}
	o.post(true).carrying(cookie).send(r.public).says(t, next)
	// A repeat gets what the first delivery got and changes nothing.
	if again := p.again().send(r.public); again.body != a.body {
		t.Errorf("the repeat got %q, the first delivery %q", again.body, a.body)
	}
	following := map[string]int{counts: 5, ends: 2, passes: 4}[o.effect]
	o.post(true).carrying(cookie).send(r.public).says(t, tutorial(following))
}

func (o optOut) asTheFirst(t *testing.T, r *replica, conn redis.Conn) {
	t.Helper()
	a := o.post(false).send(r.public)
	next := tutorial(1)
	switch o.effect {
	case counts:
		a.says(t, tutorial(1))
		next = tutorial(2)
	case ends:
		a.saysNothing(t)
	case passes:
		a.saysNothing(t)
		if n := size(t, conn); n != 0 || len(a.cookies) > 0 {
			t.Errorf("it left %d keys in Redis and set %v", n, a.cookies)
		}
	}
	o.post(true).send(r.public).says(t, next)
}

// age leaves every key an hour to live, and returns the keys.
func age(t *testing.T, conn redis.Conn) []string {
	t.Helper()
	keys, err := redis.Strings(conn.Do("KEYS", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != 2 {
		t.Fatalf("the keys are %q, want two", keys)
	}
	for _, key := range keys {
		do(t, conn, "PEXPIRE", key, time.Hour.Milliseconds())
	}
	return keys
}

// dump is what the keys hold.
func dump(t *testing.T, conn redis.Conn, keys []string) string {
	t.Helper()
	text := ""
	for _, key := range keys {
		value, err := redis.String(conn.Do("GET", key))
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("%s = %s\n", key, value)
	}
	return text
}

// Nothing of an opt-out goes before the checks.
func TestAKeywordThatIsNotSignedEndsNothing(t *testing.T) {
	each(t, func(t *testing.T, addr string, conn redis.Conn) {
		r := newReplica(t, addr)
		cookie := message("hello").send(r.public).says(t, tutorial(1))
		for _, word := range []string{"STOP", "HELP", "START"} {
			p := message(word).carrying(cookie)
			p.signature = "none"
			p.send(r.public).refused(t, http.StatusForbidden)
			message(word).with("MessageSid", "").send(r.public).refused(t, http.StatusBadRequest)
		}
		message("hello").carrying(cookie).send(r.public).says(t, tutorial(2))
		if n := size(t, conn); n != 2 {
			t.Errorf("Redis holds %d keys, want 2", n)
		}
	})
}

// Twilio has answered already: nothing of ours is needed for <Response/>.
func TestHelpIsAnsweredWhileRedisIsAway(t *testing.T) {
	r := newReplica(t, "127.0.0.1:1", withBudget(50*time.Millisecond))
	for _, word := range []string{"HELP", "START"} {
		for _, route := range []string{"/sms", "/sms/fallback"} {
			message(word).to(route).send(r.public).saysNothing(t)
		}
	}
	message("STOP").send(r.public).refused(t, http.StatusServiceUnavailable)
}

// The person has just opted out, so nothing may be sent to them.
func TestStopIsNeverAnsweredWithTheApology(t *testing.T) {
	r := newReplica(t, "127.0.0.1:1", withBudget(50*time.Millisecond))
	for name, stop := range map[string]*post{
		"STOP":                  message("STOP"),
		"STOP on RCS":           message("stop").with("From", "rcs:"+from).with("To", "rcs:brand_agent"),
		"an OptOutType of STOP": message("ALTO").with("OptOutType", "STOP"),
	} {
		t.Run(name, func(t *testing.T) {
			stop.to("/sms/fallback").send(r.public).saysNothing(t)
			line := r.log.last(t)
			if line["level"] != "ERROR" || line["result"] != "keyword_failed" || line["status"] != 200.0 || line["error"] == nil {
				t.Errorf("the log line is %v", line)
			}
		})
	}
	if got := scrape(t, r)[`smsession_messages_total{result="keyword_failed",route="/sms/fallback"}`]; got != 3 {
		t.Errorf("%v failures are counted, want 3", got)
	}
	message("hello").to("/sms/fallback").send(r.public).says(t, apology)
}
