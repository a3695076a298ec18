package server

import (
	"net/http"
	"strconv"
)

// refusal is why a request gets no TwiML.
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
	clientGone // the client does not read the answer
	bug
)

// answerTo is the one table that maps refusals to HTTP: the status, the word for the log, and the sentence that the
// client gets. A sentence contains only what the client may know.
func answerTo(f refusal) (status int, result, sentence string) {
	switch f {
	case notFound:
		return http.StatusNotFound, "not_found", "There is nothing here."
	case wrongHost:
		return http.StatusMisdirectedRequest, "wrong_host", "This listener does not answer to this host name, which is not in ADMIN_HOSTS."
	case notPost:
		return http.StatusMethodNotAllowed, "not_post", "This takes POST only."
	case notGet:
		return http.StatusMethodNotAllowed, "not_get", "This takes GET only."
	case notForm:
		return http.StatusUnsupportedMediaType, "not_form", "The body must be application/x-www-form-urlencoded, and not compressed."
	case tooLarge:
		return http.StatusRequestEntityTooLarge, "too_large", "The body is larger than 64 KiB."
	case unreadable:
		return http.StatusBadRequest, "unreadable", "The body ended early or came too slowly."
	case badForm:
		return http.StatusBadRequest, "bad_form", "The body is not a well-formed form with at most 256 of Twilio's parameters."
	case badSignature:
		return http.StatusForbidden, "bad_signature", "The X-Twilio-Signature is missing or does not fit the configured URL and the parameters."
	case otherAccount:
		return http.StatusForbidden, "other_account", "The message belongs to another account."
	case badFields:
		return http.StatusBadRequest, "bad_fields", "From, To or MessageSid is missing or malformed."
	case unavailable:
		return http.StatusServiceUnavailable, "unavailable", "The session store did not answer in time."
	case busy:
		return http.StatusServiceUnavailable, "busy", "Too many messages are waiting."
	case newer:
		return http.StatusServiceUnavailable, "newer_record", "The session was written by a later version of this service."
	case clientGone:
		return http.StatusServiceUnavailable, "client_gone", "The client hung up before its message could be saved."
	default:
		return http.StatusInternalServerError, "panic", "Something is broken here."
	}
}

// refuse answers with a refusal and records it for the log line.
func refuse(w http.ResponseWriter, r *http.Request, f refusal) {
	refuseWith(w, r, f, "")
}

// refuseWith does the same as refuse, but answers with a more detailed sentence. If sentence is "", it uses the one in
// the table.
func refuseWith(w http.ResponseWriter, r *http.Request, f refusal, sentence string) {
	status, result, usual := answerTo(f)
	if sentence == "" {
		sentence = usual
	}
	if x := exchangeFrom(r.Context()); x != nil {
		x.status, x.result, x.stranger = status, result, f <= badSignature
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writePlain(w, status, sentence)
}

// writePlain answers with one line of text.
func writePlain(w http.ResponseWriter, status int, line string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(line)+1))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(line + "\n"))
}
