package devphone

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
)

// maxBody is far above what the page sends: a text of 1,600 characters, each at most 12 bytes of JSON.
const maxBody = 32 << 10

// request has the parameters of all requests. Each handler uses some of them.
type request struct {
	Phone string // the ID of a device
	Entry string // the ID of an entry of its log
	From  string // the number of a new phone
	Kind  kind
	Body  string
	Hours int
}

// handler handles a request and returns the response, which is written as JSON. Every error that is not a problem comes
// from Redis.
type handler func(context.Context, request) (any, error)

// problem is an error that the page shows to the person.
type problem struct {
	status   int
	sentence string
}

func (p problem) Error() string { return p.sentence }

// answer makes a handler an HTTP handler. The parameters of a POST are a JSON object, and those of a GET are in the query.
func answer(handle handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in := request{Phone: r.URL.Query().Get("phone"), Entry: r.URL.Query().Get("entry")}
		var response any
		var err error
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
		_ = json.NewEncoder(w).Encode(response) // the browser may be gone
	}
}

// decode reads a JSON object. It accepts only application/json, which a form on another site cannot send.
func decode(r *http.Request) (in request, err error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return in, problem{http.StatusUnsupportedMediaType, "The body must be application/json."}
	}
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err = d.Decode(&in); err == nil {
		if _, err = d.Token(); err == io.EOF {
			return in, nil
		}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return in, problem{http.StatusRequestEntityTooLarge, "The body is larger than 32 KiB."}
	}
	return in, problem{http.StatusBadRequest, "The body is not one JSON object with known fields."}
}

// writeError answers with one line of text.
func writeError(w http.ResponseWriter, err error) {
	p := problem{http.StatusServiceUnavailable, "Redis did not answer."}
	errors.As(err, &p)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(p.status)
	_, _ = io.WriteString(w, p.sentence+"\n")
}
