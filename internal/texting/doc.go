// Package texting is a person at a phone that Twilio knows: it takes lines, each a text to send or a command that begins
// with a slash, and shows what the sender would see. The commands are what a real phone cannot do.
//
// It knows neither webhooks nor terminals: the one is the phone's, the other its caller's.
package texting
