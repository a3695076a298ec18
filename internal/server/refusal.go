package server

import (
	"net/http"
	"strings"
)

// refusal is why a request gets no TwiML. The zero refusal is none.
type refusal int

const (
	notFound refusal = iota + 1
	wrongHost
	notPost
	notGet
	notForm
	tooLarge
	unreadable
	badForm
	badSignature // the last refusal that an unsigned request can cause; those below need a signature
	otherAccount
	badFields
	unavailable
	busy
	newer
	appFailed
	clientGone // the client does not read the answer
	bug
)

// refusals is the one table that maps refusals to HTTP: the status, the word for the log, and the sentence that the
// client gets. A sentence contains only what the client may know.
var refusals = [...]struct {
	status           int
	result, sentence string
}{
	notFound:     {http.StatusNotFound, "not_found", "There is nothing here."},
	wrongHost:    {http.StatusMisdirectedRequest, "wrong_host", "This listener does not answer to this host name, which is not in ADMIN_HOSTS."},
	notPost:      {http.StatusMethodNotAllowed, "not_post", "This takes POST only."},
	notGet:       {http.StatusMethodNotAllowed, "not_get", "This takes GET only."},
	notForm:      {http.StatusUnsupportedMediaType, "not_form", "The body must be application/x-www-form-urlencoded, and not compressed."},
	tooLarge:     {http.StatusRequestEntityTooLarge, "too_large", "The body is larger than 64 KiB."},
	unreadable:   {http.StatusBadRequest, "unreadable", "The body ended early or came too slowly."},
	badForm:      {http.StatusBadRequest, "bad_form", "The body is not a well-formed form with at most 256 of Twilio's parameters."},
	badSignature: {http.StatusForbidden, "bad_signature", "The X-Twilio-Signature is missing or does not fit the configured URL and the parameters."},
	otherAccount: {http.StatusForbidden, "other_account", "The message belongs to another account."},
	badFields:    {http.StatusBadRequest, "bad_fields", "From, To or MessageSid is missing or malformed."},
	unavailable:  {http.StatusServiceUnavailable, "unavailable", "The session store did not answer in time."},
	busy:         {http.StatusServiceUnavailable, "busy", "Too many messages are waiting."},
	newer:        {http.StatusServiceUnavailable, "newer_record", "The session was written by a later version of this service."},
	appFailed:    {http.StatusServiceUnavailable, "app_failed", "The conversation did not answer the message."},
	clientGone:   {http.StatusServiceUnavailable, "client_gone", "The client hung up before its message could be saved."},
	bug:          {http.StatusInternalServerError, "panic", "Something is broken here."},
}

func (f refusal) response() response {
	res := plain(refusals[f].status, refusals[f].sentence)
	res.result, res.isUnverified = refusals[f].result, f <= badSignature
	return res
}

// malformed returns the refusal of a message with fields that cannot be used. err may be sent to the client.
func malformed(err error) response {
	sentence := strings.ToUpper(err.Error()[:1]) + err.Error()[1:] + "."
	res := plain(refusals[badFields].status, sentence)
	res.result = refusals[badFields].result
	return res
}
