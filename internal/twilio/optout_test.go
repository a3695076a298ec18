package twilio_test

import (
	"testing"

	"smsession/internal/twilio"
)

const (
	none  = twilio.KeywordNone
	stop  = twilio.KeywordStop
	start = twilio.KeywordStart
	help  = twilio.KeywordHelp
)

// The words are those of https://support.twilio.com/hc/en-us/articles/223134027 and
// https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out.
func TestKeywordInTheBody(t *testing.T) {
	for body, want := range map[string]twilio.Keyword{
		"STOP": stop, "STOPALL": stop, "UNSUBSCRIBE": stop, "CANCEL": stop, "END": stop, "QUIT": stop, "REVOKE": stop,
		"OPTOUT": stop, "START": start, "UNSTOP": start, "HELP": help, "INFO": help,
		"stop": stop, "Stop": stop, "uNsUbScRiBe": stop, " stop ": stop, "\r\nSTOP\t\n": stop, "info\n": help,
		"YES": none, "NO": none, "": none, " ": none, "STOP PLEASE": none, "STOP.": none, "\"STOP\"": none, "S TOP": none,
		"STOP\x00": none, "STOPSTOP": none, "UNSUBSCRIBED": none, "OPT-OUT": none, "OPT OUT": none, "STOP ALL": none,
		"ſtop": none, "unſubſcribe": none, "unsubscrıbe": none, "ＳＴＯＰ": none, "STO\xff": none, "HELP ME": none,
	} {
		message := twilio.Message{From: "+15005550001", To: "+15005550006", Body: body}
		if got := message.Keyword(twilio.OptOutDefault); got != want {
			t.Errorf("%q in default mode is %q, want %q", body, got, want)
		}
		for _, mode := range []twilio.OptOutMode{twilio.OptOutAdvanced, twilio.OptOutOff} {
			if got := message.Keyword(mode); got != none {
				t.Errorf("%q in %s mode is %q, want none", body, mode, got)
			}
		}
	}
}

func TestKeyword(t *testing.T) {
	const number, whatsapp, rcs = "+15005550001", "whatsapp:+15005550001", "rcs:brand_agent"
	for _, row := range []struct {
		name    string
		mode    twilio.OptOutMode
		message twilio.Message
		want    twilio.Keyword
	}{
		{"OptOutType counts in default mode", twilio.OptOutDefault, twilio.Message{OptOutType: "STOP", Body: "ARRET"}, stop},
		{"OptOutType counts in advanced mode", twilio.OptOutAdvanced, twilio.Message{OptOutType: "HELP", Body: "AIDE"}, help},
		{"OptOutType does not count when off", twilio.OptOutOff, twilio.Message{OptOutType: "STOP", Body: "STOP"}, none},
		{"OptOutType may be in any case", twilio.OptOutAdvanced, twilio.Message{OptOutType: "sTaRt"}, start},
		{"OptOutType is compared in ASCII", twilio.OptOutAdvanced, twilio.Message{OptOutType: "ſtart"}, none},
		{"OptOutType takes precedence over the body", twilio.OptOutDefault, twilio.Message{OptOutType: "START", Body: "STOP"}, start},
		{"OptOutType makes even YES a keyword", twilio.OptOutDefault, twilio.Message{OptOutType: "START", Body: "YES"}, start},
		{"with another OptOutType, the body decides", twilio.OptOutDefault, twilio.Message{OptOutType: "NONE", Body: "stop"}, stop},
		{"another OptOutType does not count in advanced mode", twilio.OptOutAdvanced, twilio.Message{OptOutType: "NONE", Body: "stop"}, none},
		{"OptOutType STOPALL does not exist", twilio.OptOutAdvanced, twilio.Message{OptOutType: "STOPALL"}, none},
		{"OptOutType counts on a channel", twilio.OptOutDefault, twilio.Message{From: whatsapp, To: whatsapp, OptOutType: "STOP"}, stop},
		{"the body of a message from a channel does not count", twilio.OptOutDefault, twilio.Message{From: whatsapp, To: number, Body: "STOP"}, none},
		{"the body of a message to a channel does not count", twilio.OptOutDefault, twilio.Message{From: number, To: whatsapp, Body: "STOP"}, none},
		{"the body counts on RCS", twilio.OptOutDefault, twilio.Message{From: "rcs:+15005550001", To: rcs, Body: "STOP"}, stop},
		{"the body counts from a number to RCS", twilio.OptOutDefault, twilio.Message{From: number, To: rcs, Body: "help"}, help},
		{"the body counts from RCS to a number", twilio.OptOutDefault, twilio.Message{From: "rcs:+15005550001", To: number, Body: "START"}, start},
		{"the body does not count on RCS in advanced mode", twilio.OptOutAdvanced, twilio.Message{From: "rcs:+15005550001", To: rcs, Body: "STOP"}, none},
		{"the body does not count on a channel whose name begins with rcs", twilio.OptOutDefault, twilio.Message{From: "rcsx:1", To: number, Body: "STOP"}, none},
		{"the body counts between numbers", twilio.OptOutDefault, twilio.Message{From: number, To: number, Body: "STOP"}, stop},
		{"the body counts for a short code", twilio.OptOutDefault, twilio.Message{From: number, To: "12345", Body: "STOP"}, stop},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.message.Keyword(row.mode); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
