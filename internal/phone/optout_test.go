package phone_test

import (
	"net/http"
	"slices"
	"testing"

	"smsession/internal/phone"
	"smsession/internal/twilio"
)

// The replies of Twilio, as textit.com's and others' pages about Twilio and Twilio's Console have them.
const (
	unsubscribed = "You have successfully been unsubscribed. You will not receive any more messages from this number. " +
		"Reply START to resubscribe."
	resubscribed = "You have successfully been re-subscribed to messages from this number. Reply HELP for help. " +
		"Reply STOP to unsubscribe. Msg&Data Rates May Apply."
	helped = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)

// got returns what the sender of a message gets: the texts that were not refused.
func got(d *phone.Delivery) []string {
	var all []string
	for _, r := range d.Replies {
		if r.Status == phone.Delivered {
			all = append(all, r.Body)
		}
	}
	return all
}

func withOptOut(mode twilio.OptOutMode) func(*phone.Options) {
	return func(o *phone.Options) { o.OptOut = mode }
}

// Each row is a dialogue: a text, and what the sender gets. The webhook answers every message with "Hi".
func TestOptOut(t *testing.T) {
	type texts = []string
	type says struct {
		body string
		gets []string
	}
	service := func(o *phone.Options) { o.MessagingServiceSID = "MG00000000000000000000000000000001" }
	for _, row := range []struct {
		name, reply string
		change      func(*phone.Options)
		dialogue    []says
	}{
		{"after STOP, nothing is sent until START", "", withOptOut(""), []says{{"hi", texts{"Hi"}},
			{" stop ", texts{unsubscribed}}, {"hi", nil}, {"STOP", nil}, {"HELP", nil}, {"Start", texts{resubscribed, "Hi"}},
			{"hi", texts{"Hi"}}}},
		{"STOP with more words is a message", "", withOptOut(""), []says{{"STOP PLEASE", texts{"Hi"}}, {"hi", texts{"Hi"}}}},
		{"HELP has Twilio's reply", "", withOptOut(""), []says{{"help", texts{helped, "Hi"}}, {"hi", texts{"Hi"}}}},
		{"YES opts in only a sender who is opted out", "", withOptOut(""), []says{{"YES", texts{"Hi"}}, {"QUIT", texts{unsubscribed}},
			{"Yes", texts{resubscribed, "Hi"}}, {"YES", texts{"Hi"}}}},
		{"RCS has the same words", "", between("rcs:"+from, "rcs:brand_agent"), []says{{"STOP", texts{unsubscribed}}, {"hi", nil},
			{"START", texts{resubscribed, "Hi"}}}},
		{"an opt-out over RCS is also one from SMS", `<Response><Message to="` + from + `" from="` + to + `">Hi</Message></Response>`,
			between("rcs:"+from, "rcs:"+to), []says{{"STOP", texts{unsubscribed}}, {"hi", nil}}},
		{"WhatsApp has no words", "", between("whatsapp:"+from, "whatsapp:"+to), []says{{"STOP", texts{"Hi"}}, {"YES", texts{"Hi"}}}},
		{"a message to another person is sent", `<Response><Message to="+12025550199">Hi</Message></Response>`, withOptOut(""),
			[]says{{"STOP", texts{unsubscribed, "Hi"}}, {"hi", texts{"Hi"}}}},
		{"a message from another number is sent", `<Response><Message from="+15005550001">Hi</Message></Response>`, withOptOut(""),
			[]says{{"STOP", texts{unsubscribed, "Hi"}}, {"hi", texts{"Hi"}}}},
		{"an opt-out holds for all numbers of a Messaging Service",
			`<Response><Message from="+15005550001">Hi</Message></Response>`, service,
			[]says{{"STOP", texts{unsubscribed}}, {"hi", nil}, {"START", texts{resubscribed, "Hi"}}}},
		{"Advanced Opt-Out has the same words", "", withOptOut(twilio.OptOutAdvanced), []says{{"STOP", texts{unsubscribed}},
			{"hi", nil}, {"START", texts{resubscribed, "Hi"}}}},
		{"without opt-out words, STOP is a message", "", withOptOut(twilio.OptOutOff), []says{{"STOP", texts{"Hi"}}, {"HELP", texts{"Hi"}},
			{"YES", texts{"Hi"}}}},
		{"without opt-out words, nobody is opted out", "", func(o *phone.Options) { o.OptedOut, o.OptOut = true, twilio.OptOutOff },
			[]says{{"hi", texts{"Hi"}}, {"YES", texts{"Hi"}}}},
		{"a sender may be opted out at the beginning", "", func(o *phone.Options) { o.OptedOut = true },
			[]says{{"hi", nil}, {"START", texts{resubscribed, "Hi"}}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			reply := twiml("Hi")
			if row.reply != "" {
				reply = row.reply
			}
			p := newPhone(t, at(newWebhook(t, responds(reply)).URL), row.change)
			for i, says := range row.dialogue {
				d := send(t, p, says.body)
				isRefused := !slices.Contains(says.gets, "Hi")
				if !slices.Equal(got(d), says.gets) || slices.Contains(errorsOf(d), 21610) != isRefused ||
					d.OK() == isRefused || d.OptedOut != p.OptedOut() || len(d.Exchanges) != 1 {
					t.Errorf("message %d, %q, gets %q, not %q; opted out: %t; the findings are %+v",
						i+1, says.body, got(d), says.gets, d.OptedOut, d.Findings)
				}
			}
		})
	}
}

func TestRefusedReply(t *testing.T) {
	w := newWebhook(t, responds(twiml("one", "two")))
	p := newPhone(t, at(w.URL))
	d := send(t, p, "STOP")
	if len(d.Replies) != 3 || !d.Replies[0].FromTwilio || d.Replies[0].From != to || d.Replies[0].To != from {
		t.Fatalf("the replies are %+v", d.Replies)
	}
	if r := d.Replies[1]; r.Status != phone.Refused || r.FromTwilio || r.Body != "one" || r.SID == d.Replies[2].SID {
		t.Errorf("the webhook's reply is %+v", r)
	}
	t.Run("the error is reported once", func(t *testing.T) {
		if got := errorsOf(d); !slices.Equal(got, []int{21610}) {
			t.Errorf("the errors are %v", got)
		}
	})
	t.Run("a reply to HELP causes a warning", func(t *testing.T) {
		p := newPhone(t, at(w.URL))
		if d := send(t, p, "HELP"); !isWarned(d, "Twilio has answered this word itself") {
			t.Errorf("the findings are %+v", d.Findings)
		}
		if d := send(t, p, "hi"); len(d.Findings) > 0 {
			t.Errorf("the findings about hi are %+v", d.Findings)
		}
	})
	t.Run("no reply to STOP causes no finding", func(t *testing.T) {
		d := send(t, newPhone(t, at(newWebhook(t, responds(empty)).URL)), "STOP")
		if len(d.Findings) > 0 || !slices.Equal(got(d), []string{unsubscribed}) || !d.OptedOut {
			t.Errorf("the delivery is %+v", d)
		}
	})
}

func TestOptOutIsNotRepeated(t *testing.T) {
	p := newPhone(t, at(newWebhook(t, responds(empty)).URL), remembering)
	for _, word := range []string{"STOP", "START", "HELP"} {
		first := send(t, p, word)
		again := p.Send(t.Context(), first.Message)
		if len(got(first)) != 1 || len(got(again)) != 0 {
			t.Errorf("%s gets %q, and %q when it comes again", word, got(first), got(again))
		}
	}
	stop := send(t, p, "STOP").Message
	send(t, p, "START")
	p.Send(t.Context(), stop)
	if p.OptedOut() {
		t.Error("the repeat of an old STOP opts the sender out")
	}
}

func TestForgedStop(t *testing.T) {
	p := newPhone(t, at(newWebhook(t, status(http.StatusForbidden)).URL))
	d := p.Send(t.Context(), phone.Message{Body: "STOP", Forged: true})
	if len(d.Replies) > 0 || p.OptedOut() {
		t.Errorf("a forged STOP gets %q; opted out: %t", got(d), p.OptedOut())
	}
}

func TestOptOutType(t *testing.T) {
	for _, row := range []struct {
		mode       twilio.OptOutMode
		body, want string
		hasService bool
	}{
		{twilio.OptOutAdvanced, "stop", "STOP", true},
		{twilio.OptOutAdvanced, "UNSTOP", "START", true},
		{twilio.OptOutAdvanced, "hi", "", true},
		{twilio.OptOutDefault, "stop", "", false},
		{twilio.OptOutOff, "stop", "", false},
	} {
		w := newWebhook(t, responds(empty))
		d := send(t, newPhone(t, at(w.URL), withOptOut(row.mode)), row.body)
		form := w.only(t).form
		if form.Get("OptOutType") != row.want || form.Has("OptOutType") != (row.want != "") ||
			form.Has("MessagingServiceSid") != row.hasService || d.Message.OptOutType != row.want {
			t.Errorf("%s: the form of %q is %v", row.mode, row.body, form)
		}
	}
}
