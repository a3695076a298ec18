// Package twiml reads TwiML as Twilio reads it. It returns the verbs that Twilio would execute, and what Twilio's
// debugger would report. Where Twilio's documentation leaves something open, the package assumes the likeliest
// behaviour and reports a warning. The package does not write TwiML.
package twiml
