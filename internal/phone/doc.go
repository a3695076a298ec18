// Package phone stands in for Twilio's webhook client. A Phone is one pair of numbers. It signs and sends a person's
// messages as Twilio does, keeps cookies, follows redirects, calls the fallback URL, and reports what Twilio's debugger
// would report. It works with any SMS webhook.
//
// A Phone requests only webhooks. It sends no text messages and does not call Twilio's REST API. Where Twilio's behaviour
// is not documented, it does what is most likely and adds a warning.
package phone
