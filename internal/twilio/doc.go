// Package twilio reads what Twilio sends to the webhook and writes the answer. It parses the form of an incoming message,
// checks its signature, recognizes Twilio's opt-out keywords and writes TwiML. It is not an HTTP handler, and it does not
// decide what a conversation says.
package twilio
