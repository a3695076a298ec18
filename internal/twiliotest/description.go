package twiliotest

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// descriptionFile is Twilio's OpenAPI description, from the folder that has the repository.
const descriptionFile = "shared/twilio-oai/twilio_api_v2010-subset.json"

// description holds requests and answers to what Twilio says of its API. A nil description holds them to nothing.
type description struct {
	document *openapi3.T
	router   routers.Router
}

// loaded is the description of this process's working directory, which the tests of a package share: reading it takes
// longer than most of them.
var loaded = sync.OnceValues(load)

// describe returns the description. It is not a part of the repository; a test that runs without it says so.
func describe(tb testing.TB) *description {
	tb.Helper()
	d, err := loaded()
	if errors.Is(err, fs.ErrNotExist) {
		tb.Logf("twiliotest: Twilio's OpenAPI description is not here (%s beside the repository): nothing is held to it", descriptionFile)
		return nil
	}
	if err != nil {
		tb.Fatalf("twiliotest: %v", err)
	}
	return d
}

func load() (*description, error) {
	file, err := findDescription()
	if err != nil {
		return nil, err
	}
	document, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		return nil, err
	}
	emptyForNone(document)
	router, err := gorillamux.NewRouter(document)
	return &description{document: document, router: router}, err
}

// findDescription looks beside the repository that has the working directory.
func findDescription() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			file := filepath.Join(filepath.Dir(dir), filepath.FromSlash(descriptionFile))
			_, err := os.Stat(file)
			return file, err
		}
	}
	return "", fs.ErrNotExist
}

// emptyForNone lets a SID be empty in an answer, because Twilio's own examples write it so where there is none, against
// the 34 characters that its description asks for.
func emptyForNone(document *openapi3.T) {
	for _, property := range document.Components.Schemas["api.v2010.account.incoming_phone_number"].Value.Properties {
		if schema := property.Value; schema.MinLength == 34 && schema.Pattern != "" {
			schema.MinLength = 0
			schema.Pattern = "^$|" + schema.Pattern
		}
	}
}

// request holds a request to the description: its path, its parameters, its form, and that it logs in.
func (d *description) request(tb testing.TB, r *http.Request, body string) {
	if err := d.requestFault(r, body); err != nil {
		tb.Errorf("twiliotest: Twilio's description has no request %s %s: %v", r.Method, r.URL.Path, err)
	}
}

func (d *description) requestFault(r *http.Request, body string) error {
	if d == nil {
		return nil
	}
	input, err := d.input(r, body)
	if err != nil {
		return err
	}
	if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
		return err
	}
	return unknown(input.Route.Operation, r.URL.Query(), body)
}

func (d *description) input(r *http.Request, body string) (*openapi3filter.RequestValidationInput, error) {
	request, err := http.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = r.Header.Clone()
	if r.Method == http.MethodGet {
		request.Body, request.ContentLength = http.NoBody, 0
	}
	route, parameters, err := d.router.FindRoute(request)
	if err != nil {
		return nil, err
	}
	return &openapi3filter.RequestValidationInput{
		Request: request, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: loggedIn},
	}, nil
}

// loggedIn is what the description's only security scheme, accountSid_authToken, asks for.
func loggedIn(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	if _, _, ok := input.RequestValidationInput.Request.BasicAuth(); !ok {
		return errors.New("it does not log in")
	}
	return nil
}

// unknown is an error for a parameter that the operation does not have. OpenAPI lets these pass, and Twilio ignores
// them, so a misspelt one would not be noticed.
func unknown(operation *openapi3.Operation, query url.Values, body string) error {
	for name := range query {
		if operation.Parameters.GetByInAndName("query", name) == nil {
			return errors.New("it has no parameter " + name)
		}
	}
	form, err := url.ParseQuery(body)
	if err != nil {
		return err
	}
	for name := range form {
		content := operation.RequestBody.Value.Content.Get("application/x-www-form-urlencoded")
		if content.Schema.Value.Properties[name] == nil {
			return errors.New("its form has no field " + name)
		}
	}
	return nil
}

// answer holds an answer to the description. Refusals are not in it.
func (d *description) answer(tb testing.TB, r *http.Request, w *httptest.ResponseRecorder) {
	if err := d.answerFault(r, w); err != nil {
		tb.Errorf("twiliotest: Twilio's description has no such answer to %s %s: %v", r.Method, r.URL.Path, err)
	}
}

func (d *description) answerFault(r *http.Request, w *httptest.ResponseRecorder) error {
	if d == nil || w.Code >= http.StatusBadRequest {
		return nil
	}
	input, err := d.input(r, "")
	if err != nil {
		return err
	}
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: w.Code, Header: w.Header(),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	return openapi3filter.ValidateResponse(r.Context(), answer.SetBodyBytes(w.Body.Bytes()))
}
