// Package twilio is the side of the service that Twilio sees: it reads the form of an incoming message, proves that
// Twilio signed it, tells Twilio's own keywords from a conversation's words, and writes TwiML. It also speaks with
// Twilio's REST API, and is the only importer of twilio-go. It is not an HTTP handler, and what is said in a
// conversation is not decided here.
package twilio
