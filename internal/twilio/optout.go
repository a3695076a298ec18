package twilio

import "strings"

// OptOutMode decides which messages count as already answered by Twilio, with its own reply to STOP, START and HELP.
type OptOutMode string

const (
	OptOutDefault  OptOutMode = "default"  // messages with OptOutType, and with one of Twilio's words as the body
	OptOutAdvanced OptOutMode = "advanced" // messages with OptOutType only: Advanced Opt-Out has words of its own
	OptOutOff      OptOutMode = "off"      // no messages
)

// Keyword is the keyword that Twilio found in a message.
type Keyword string

const (
	KeywordNone  Keyword = ""      // an ordinary message
	KeywordStop  Keyword = "stop"  // the sender opted out; Twilio refuses any reply (error 21610)
	KeywordStart Keyword = "start" // the sender opted in again
	KeywordHelp  Keyword = "help"  // the sender asked for help
)

// Keyword returns the keyword if Twilio treated the message as a keyword and answered it. An OptOutType of STOP, START
// or HELP decides this alone. Without it, in the default mode, the whole body must be one of Twilio's words. Case and
// surrounding white space do not matter. YES does not count as a keyword: Twilio opts the sender in and passes YES on,
// and a dialogue needs it. Twilio's words apply to SMS, MMS and RCS, which Twilio unified in March 2026. They do not
// apply to other channels, such as WhatsApp. Any other value of OptOutType is ignored, and the body decides.
//
// See https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out and
// https://support.twilio.com/hc/en-us/articles/223134027.
func (m Message) Keyword(mode OptOutMode) Keyword {
	if mode == OptOutOff {
		return KeywordNone
	}
	switch optOutType := upper(m.OptOutType); optOutType {
	case "STOP", "START", "HELP":
		return keyword(optOutType)
	}
	if mode != OptOutAdvanced && hasWords(m.From) && hasWords(m.To) {
		return keyword(upper(strings.TrimSpace(m.Body)))
	}
	return KeywordNone
}

// keyword returns the keyword that one of Twilio's words means.
func keyword(word string) Keyword {
	switch word {
	case "STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT":
		return KeywordStop
	case "START", "UNSTOP":
		return KeywordStart
	case "HELP", "INFO":
		return KeywordHelp
	}
	return KeywordNone
}

// hasWords reports whether Twilio answers its words at an address. A number or a name has no channel prefix.
func hasWords(address string) bool {
	return !strings.Contains(address, ":") || strings.HasPrefix(address, "rcs:")
}

// upper returns a word in upper case. It returns "" for a text that is too long to be one of Twilio's words. It
// converts ASCII only: strings.ToUpper and strings.EqualFold would treat a long s as an s, and would find STOP where
// Twilio does not.
func upper(word string) string {
	if len(word) > len("UNSUBSCRIBE") {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, word)
}
