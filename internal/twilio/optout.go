package twilio

import (
	"strconv"
	"strings"
)

// OptOutMode decides which messages count as already answered by Twilio, with its own reply to STOP, START and HELP.
type OptOutMode string

const (
	OptOutDefault  OptOutMode = "default"  // by OptOutType, and by Twilio's words in the body
	OptOutAdvanced OptOutMode = "advanced" // by OptOutType only: Advanced Opt-Out has words of its own
	OptOutOff      OptOutMode = "off"      // none
)

// Keyword is the keyword that Twilio found in a message.
type Keyword int

const (
	KeywordNone  Keyword = iota // an ordinary message
	KeywordStop                 // the sender opted out; Twilio refuses any reply (error 21610)
	KeywordStart                // the sender opted in again
	KeywordHelp                 // the sender asked for help
)

// String returns "none", "stop", "start" or "help".
func (k Keyword) String() string {
	switch k {
	case KeywordNone:
		return "none"
	case KeywordStop:
		return "stop"
	case KeywordStart:
		return "start"
	case KeywordHelp:
		return "help"
	}
	return "Keyword(" + strconv.Itoa(int(k)) + ")"
}

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
	if k := typeKeyword(m.OptOutType); k != KeywordNone {
		return k
	}
	if mode == OptOutAdvanced || !hasWords(m.From) || !hasWords(m.To) {
		return KeywordNone
	}
	return bodyKeyword(m.Body)
}

func typeKeyword(optOutType string) Keyword {
	switch upper(optOutType) {
	case "STOP":
		return KeywordStop
	case "START":
		return KeywordStart
	case "HELP":
		return KeywordHelp
	}
	return KeywordNone
}

func bodyKeyword(body string) Keyword {
	switch upper(strings.TrimSpace(body)) {
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
