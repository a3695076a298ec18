// Package load is many phones at once: it puts a webhook under load, with the faults that Twilio's networks have in them,
// and proves from the replies alone that the webhook counted every message once.
//
// It knows nothing of the other side but its replies, so it works against any server that holds the conversation of
// Twilio's tutorial. It is not a benchmark of Twilio, and it does not look into Redis.
package load
