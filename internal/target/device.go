package target

import (
	"cmp"

	"smsession/internal/cookies"
	"smsession/internal/phone"
	"smsession/internal/twilio"
	"smsession/internal/usage"
)

// Device are the flags of `smsession phone` for what Twilio does with the cookies and the words of one sender. kong
// fills them in.
type Device struct {
	MessagingServiceSID string  `name:"messaging-service-sid" placeholder:"SID" help:"The Messaging Service of the number (default: none)."`
	CookiesSinceSet     bool    `name:"cookies-since-set" help:"Let cookies expire four hours after they were set, not after the last message."`
	StrictCookies       bool    `name:"strict-cookies" help:"Apply Path, Domain and Secure to cookies, as a browser does."`
	SingleCookie        bool    `name:"single-cookie" help:"Keep only the last cookie."`
	LoseCookies         float64 `name:"lose-cookies" default:"0" placeholder:"SHARE" help:"Share of messages, 0 to 1, that carry no cookies (default 0)."`
	OptOut              string  `name:"opt-out" enum:"default,advanced,off," default:"" placeholder:"MODE" help:"How Twilio handles STOP, START and HELP for the account: default, advanced (Advanced Opt-Out of a Messaging Service) or off (default: the mode of the running smsession dev, or with --url default)."`
}

// rememberedMessages is how many of the latest messages a phone compares repeats with. /again repeats only the last
// one.
const rememberedMessages = 8

// Validate checks --lose-cookies.
func (d Device) Validate() error {
	if !(d.LoseCookies >= 0 && d.LoseCookies <= 1) {
		return usage.Fault("--lose-cookies must be a share from 0 to 1")
	}
	return nil
}

// Options returns the options with those of the flags.
func (d Device) Options(o phone.Options) phone.Options {
	o.MessagingServiceSID = d.MessagingServiceSID
	o.Jar = cookies.Options{
		SinceSet: d.CookiesSinceSet, Strict: d.StrictCookies, Single: d.SingleCookie, Lose: d.LoseCookies}
	o.OptOut, o.Repeats = cmp.Or(twilio.OptOutMode(d.OptOut), o.OptOut), rememberedMessages
	return o
}
