package server

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"smsession/internal/session"
	"smsession/internal/twilio"
)

// result is the word for how a request ends, in the log and in the metrics. A message can also have a session.Result or
// the keyword START or HELP as its result.
type result string

const (
	receipt       result = "receipt" // a delivery receipt, which is not a message
	apologised    result = "apology"
	keywordFailed result = "keyword_failed" // instead of the apology for STOP, START or HELP

	notPost      result = "not_post"
	notForm      result = "not_form"
	tooLarge     result = "too_large"
	unreadable   result = "unreadable"
	badForm      result = "bad_form"
	badSignature result = "bad_signature"
	otherAccount result = "other_account"
	badFields    result = "bad_fields"
	unavailable  result = "unavailable"
	busy         result = "busy"
	newerRecord  result = "newer_record"
	appFailed    result = "app_failed"
	waited       result = "waited"
	loop         result = "loop"
	clientGone   result = "client_gone"
	bug          result = "panic"

	notFound  result = "not_found"
	notGet    result = "not_get"
	wrongHost result = "wrong_host"

	alive    result = "alive"
	ready    result = "ready"
	starting result = "starting"
	draining result = "draining"
	noRedis  result = "redis"
	written  result = "" // the handler has written the answer itself
)

// origin is the kind of request that can have a result.
type origin int

const (
	signed    origin = iota // to a webhook route, with a valid signature
	unsigned                // to a webhook route, refused before the signature was verified; its log lines are limited
	elsewhere               // to another route; its log lines are limited, and the metrics do not count it
)

// ending is how a request with a result is answered and logged.
type ending struct {
	status int
	level  slog.Level // Error for our failures; Info or Warn for those of the sender
	origin origin
	header string // an additional header, or ""
	line   string // the only line of the body, which contains only what the client may know; "" for TwiML
}

const (
	logDebug = slog.LevelDebug
	logInfo  = slog.LevelInfo
	logWarn  = slog.LevelWarn
	logError = slog.LevelError

	retry = "Retry-After: 1"
)

// endings is the one table that maps the results to HTTP.
var endings = map[result]ending{
	result(session.Begun):       {200, logInfo, signed, "", ""},
	result(session.Continued):   {200, logInfo, signed, "", ""},
	result(session.Repeated):    {200, logInfo, signed, "", ""},
	result(session.Ended):       {200, logInfo, signed, "", ""},
	result(session.Guarded):     {200, logWarn, signed, "", ""},
	result(twilio.KeywordStart): {200, logInfo, signed, "", ""},
	result(twilio.KeywordHelp):  {200, logInfo, signed, "", ""},
	receipt:                     {200, logInfo, signed, "", ""},
	apologised:                  {200, logError, signed, "", ""},
	keywordFailed:               {200, logError, signed, "", ""},

	notPost:    {405, logInfo, unsigned, "Allow: POST", "This path accepts only POST."},
	notForm:    {415, logInfo, unsigned, "", "The body must be application/x-www-form-urlencoded, and not compressed."},
	tooLarge:   {413, logInfo, unsigned, "", "The body is larger than 64 KiB."},
	unreadable: {400, logInfo, unsigned, "", "The body ended early or arrived too slowly."},
	badForm: {400, logInfo, unsigned, "",
		"The body is not a well-formed form with at most 256 of Twilio's parameters."},
	badSignature: {403, logWarn, unsigned, "",
		"The X-Twilio-Signature is missing or does not match the configured URL and the parameters."},
	otherAccount: {403, logWarn, signed, "", "The message belongs to another account."},
	badFields:    {400, logInfo, signed, "", "From, To or MessageSid is missing or malformed."},
	unavailable:  {503, logError, signed, retry, "The session store did not answer in time."},
	busy:         {503, logError, signed, retry, "Too many messages are waiting."},
	newerRecord:  {503, logError, signed, retry, "The session was written by a later version of this service."},
	appFailed:    {503, logError, signed, retry, "The conversation did not answer the message."},
	waited:       {503, logError, signed, retry, "The message could not be given to the app in time."},
	loop:         {508, logError, signed, "", "The service is its own app: APP_URL leads to it."},
	clientGone:   {503, logInfo, signed, retry, "The client hung up before its message could be saved."},
	bug:          {500, logError, signed, "", "The service failed because of a bug."},

	notFound: {404, logDebug, elsewhere, "", "This path does not exist."},
	notGet:   {405, logDebug, elsewhere, "Allow: GET, HEAD", "This path accepts only GET."},
	wrongHost: {421, logDebug, elsewhere, "Connection: close",
		"This listener does not answer to this host name, which is not in ADMIN_HOSTS."},

	alive:    {200, logDebug, elsewhere, "", "smsession"},
	ready:    {200, logDebug, elsewhere, "", "ready"},
	starting: {503, logDebug, elsewhere, "", "starting"},
	draining: {503, logDebug, elsewhere, "", "draining"},
	noRedis:  {503, logDebug, elsewhere, "", "redis"},
	written:  {200, logDebug, elsewhere, "", ""},
}

// write writes the answer. A client that has hung up gets the same answer for a repeat, so errors are ignored.
func (e ending) write(w http.ResponseWriter, body []byte) {
	h := w.Header()
	if name, value, ok := strings.Cut(e.header, ": "); ok {
		h.Set(name, value)
	}
	if e.line == "" {
		h.Set("Content-Type", "text/xml; charset=utf-8")
	} else {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(e.status)
	_, _ = w.Write(body)
}

// body returns the body of an answer without TwiML.
func (e ending) body() []byte { return []byte(e.line + "\n") }

// failure returns the result of a message that the session could not answer because of err.
func failure(err error) result {
	_, isPanic := errors.AsType[*session.PanicError](err)
	switch {
	case isPanic:
		return bug
	case errors.Is(err, session.ErrBusy):
		return busy
	case errors.Is(err, session.ErrNewer):
		return newerRecord
	case errors.Is(err, session.ErrGone):
		return clientGone
	case errors.Is(err, session.ErrWaited): // it may be the error of the responder
		return waited
	case errors.Is(err, session.ErrResponder):
		return appFailed
	}
	return unavailable
}
