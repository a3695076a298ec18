package twilio

import (
	"strings"
	"unicode"
)

// OptOutMode is the setting that decides which messages count as keywords, which Twilio answers itself. Any other value
// works like OptOutDefault.
type OptOutMode string

const (
	OptOutDefault  OptOutMode = "default"  // a message with an OptOutType, or with one of Twilio's words as its body
	OptOutAdvanced OptOutMode = "advanced" // a message with an OptOutType: Advanced Opt-Out may have other words
	OptOutOff      OptOutMode = "off"      // no message
)

// Keyword is the keyword that Twilio found in a message.
type Keyword string

const (
	KeywordNone  Keyword = ""      // an ordinary message
	KeywordStop  Keyword = "stop"  // the sender opted out; Twilio refuses any reply (error 21610)
	KeywordStart Keyword = "start" // the sender opted in again
	KeywordHelp  Keyword = "help"  // the sender asked for help
)

// Keyword returns the keyword of a message that Twilio answered itself, or KeywordNone. OptOutOff has no keywords. If
// OptOutType is STOP, START or HELP, it is the keyword. Otherwise, the whole body must be one of Twilio's words, and
// the mode must be the default. Case is ignored, and so is white space around the body.
//
// YES is not a keyword: Twilio opts the sender in and also delivers YES, which a dialogue needs. Twilio's words apply
// to SMS, MMS and RCS, which Twilio unified in March 2026. They do not apply to other channels, such as WhatsApp.
//
// See https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out and
// https://support.twilio.com/hc/en-us/articles/223134027.
func (m Message) Keyword(mode OptOutMode) Keyword {
	optOutType := upper(m.OptOutType)
	switch {
	case mode == OptOutOff:
		return KeywordNone
	case optOutType == "STOP" || optOutType == "START" || optOutType == "HELP":
		return keyword(optOutType)
	case mode == OptOutAdvanced || !hasWords(m.From) || !hasWords(m.To):
		return KeywordNone
	}
	return keyword(strings.TrimSpace(m.Body))
}

// keyword returns the keyword for one of Twilio's words, and KeywordNone for any other text.
func keyword(text string) Keyword {
	switch upper(text) {
	case "STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT":
		return KeywordStop
	case "START", "UNSTOP":
		return KeywordStart
	case "HELP", "INFO":
		return KeywordHelp
	}
	return KeywordNone
}

// hasWords reports whether Twilio's words apply to an address. Only an address of another channel has a prefix.
func hasWords(address string) bool {
	return !strings.Contains(address, ":") || strings.HasPrefix(address, "rcs:")
}

// upper returns a text in upper case. It returns "" for a text that cannot be one of Twilio's words: one that is
// longer, or that is not ASCII. strings.ToUpper would convert a long s to an S, and would find STOP where Twilio does
// not.
func upper(text string) string {
	isForeign := func(r rune) bool { return r > unicode.MaxASCII }
	if len(text) > len("UNSUBSCRIBE") || strings.ContainsFunc(text, isForeign) {
		return ""
	}
	return strings.ToUpper(text)
}
