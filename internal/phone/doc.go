// Package phone stands in for Twilio's webhook client. A Phone is one pair of numbers: it signs and sends what a person
// types as Twilio would, keeps the pair's cookies, follows redirects, goes to the fallback URL, and judges the answer
// by Twilio's own error numbers. It works against any SMS webhook.
//
// It sends nothing but webhooks: no text message, and no REST call. Where Twilio's behaviour is not documented, it does
// the likeliest thing and says so in a warning.
package phone
