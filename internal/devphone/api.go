package devphone

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
)

// maxBody is far above what the page sends: a text of 1,600 characters, each at most 12 bytes of JSON.
const maxBody = 32 << 10

// fault is a request that cannot be granted, and what the browser is told of it.
type fault struct {
	status   int
	sentence string
}

func (f fault) Error() string { return f.sentence }

// answer makes a handler of a function that returns what is to be written as JSON. An error that is no fault is Redis's.
func answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		reply, err := f(r)
		if err != nil {
			writeFault(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(reply) // the browser may have gone
	}
}

// writeFault answers with one line of text.
func writeFault(w http.ResponseWriter, err error) {
	f := fault{http.StatusServiceUnavailable, "Redis did not answer."}
	errors.As(err, &f)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(f.status)
	_, _ = io.WriteString(w, f.sentence+"\n")
}

// decode reads a JSON object into what v points to. Only JSON is taken: a form on another site cannot send that type.
func decode(r *http.Request, v any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return fault{http.StatusUnsupportedMediaType, "The body must be application/json."}
	}
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.Join(more, errors.New("more than one object"))
		}
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fault{http.StatusRequestEntityTooLarge, "The body is larger than 32 KiB."}
	case err != nil:
		return fault{http.StatusBadRequest, "The body is not one JSON object with the fields that this takes."}
	}
	return nil
}
