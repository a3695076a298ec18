package devphone

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
)

// maxBody is far above what the page sends: a text of 1,600 characters, each at most 12 bytes of JSON.
const maxBody = 32 << 10

// request has the parameters of all requests. Each handler uses some of them.
type request struct {
	Phone string // the ID of a device, or its number
	Entry string // the ID of an entry of its log
	After int64  // a revision of the page
	From  string // the number of a new phone
	Kind  kind
	Body  string
	Media string // the URL of an attachment
	URL   string // of a picture to load
	Hours int

	Replica int    // the number of a replica
	Do      string // what to do with Redis: restart or pause
}

// handler handles a request and returns the response, which is written as JSON. Its error is a problem, or comes from
// Redis.
type handler func(context.Context, request) (any, error)

// problem is an error that the page shows to the person. It is a whole sentence.
type problem string

const (
	noText        problem = "A message needs a text."
	tooLong       problem = "The message is longer than 1,600 characters."
	badHours      problem = "The number of hours must be a whole number from 1 to 720."
	noSuchKind    problem = "There is no such kind of action."
	badNumber     problem = "A number must not contain control characters."
	badRevision   problem = "The revision after which to read must be a whole number."
	notOneObject  problem = "The body must be one JSON object with no unknown fields."
	noToken       problem = "Open this page at an address that smsession dev prints: the one for other hosts ends with a token."
	forwarded     problem = "This page does not answer through a proxy or a tunnel: it would sign messages for anybody."
	otherSite     problem = "Another site may not use this page."
	badURL        problem = "The URL of a picture must begin with http:// or https:// and have at most 2,000 characters."
	noPicture     problem = "This URL leads to no picture: PNG, JPEG, GIF or WebP of at most 5 MB."
	notReachable  problem = "The host of this URL does not answer."
	noSuchPhone   problem = "There is no such phone."
	noSuchEntry   problem = "This message is no longer in the log."
	noSuchReplica problem = "There is no such replica."
	replicaDown   problem = "This replica was killed already. It starts again by itself."
	noSuchOutage  problem = "Redis can only restart or pause."
	redisBusy     problem = "Redis is restarting or paused already."
	nothingSent   problem = "There is no message to send again."
	numberTaken   problem = "There is already a phone with this number."
	tooMany       problem = "There are already 20 phones: close one first."
	bodyTooLarge  problem = "The body is larger than 32 KiB."
	notJSON       problem = "The content type must be application/json."
)

func (p problem) Error() string { return string(p) }

// writeError answers with the status and the sentence of an error. No other function chooses the status.
func writeError(w http.ResponseWriter, err error) {
	status, sentence := http.StatusBadRequest, err.Error()
	if _, ok := errors.AsType[problem](err); !ok {
		status, sentence = http.StatusServiceUnavailable, "Redis did not answer."
	}
	switch err {
	case noToken, forwarded, otherSite:
		status = http.StatusForbidden
	case noSuchPhone, noSuchEntry, noSuchReplica:
		status = http.StatusNotFound
	case nothingSent, numberTaken, tooMany, replicaDown, redisBusy:
		status = http.StatusConflict
	case bodyTooLarge:
		status = http.StatusRequestEntityTooLarge
	case notJSON:
		status = http.StatusUnsupportedMediaType
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, sentence+"\n")
}

// answer returns an HTTP handler that calls handle. It reads the parameters of a POST from a JSON object, and those of
// a GET from the query.
func answer(handle handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var response any
		in, err := fromQuery(r.URL.Query())
		if r.Method == http.MethodPost {
			in, err = decode(r)
		}
		if err == nil {
			response, err = handle(r.Context(), in)
		}
		if err != nil {
			writeError(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(response) // fails only if the connection is broken
	}
}

// fromQuery reads the parameters of a GET.
func fromQuery(query url.Values) (request, error) {
	in := request{Phone: query.Get("phone"), Entry: query.Get("entry")}
	if !query.Has("after") {
		return in, nil
	}
	var err error
	if in.After, err = strconv.ParseInt(query.Get("after"), 10, 64); err != nil {
		return in, badRevision
	}
	return in, nil
}

// decode reads a JSON object. It accepts only application/json, which a form on another site cannot send.
func decode(r *http.Request) (in request, err error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return in, notJSON
	}
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err = d.Decode(&in); err == nil {
		if _, err = d.Token(); err == io.EOF {
			return in, nil
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return in, bodyTooLarge
	}
	return in, notOneObject
}
