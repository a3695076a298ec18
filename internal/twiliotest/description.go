package twiliotest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// descriptionFile is Twilio's OpenAPI description, in a folder that contains the repository.
const descriptionFile = "shared/twilio-oai/twilio_api_v2010-subset.json"

// description is Twilio's description of its API. A nil description allows everything.
type description struct {
	document *openapi3.T
	router   routers.Router
}

// describe returns the description. It is not a part of the repository: without it, nothing is checked.
func describe(tb testing.TB) *description {
	tb.Helper()
	d, err := load()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		tb.Logf("twiliotest: nothing is checked against Twilio's OpenAPI description: there is no %s", descriptionFile)
		return nil
	case err != nil:
		tb.Fatalf("twiliotest: %v", err)
	}
	return d
}

// load reads the description once for all tests of a package, because reading takes longer than most tests. It looks in
// the folder of the package and in the six folders above it.
var load = sync.OnceValues(func() (*description, error) {
	var document *openapi3.T
	err := fs.ErrNotExist
	for above := 0; above <= 6 && errors.Is(err, fs.ErrNotExist); above++ {
		document, err = openapi3.NewLoader().LoadFromFile(strings.Repeat("../", above) + descriptionFile)
	}
	if err != nil {
		return nil, err
	}
	allowEmptySIDs(document)
	router, err := gorillamux.NewRouter(document)
	return &description{document, router}, err
})

// allowEmptySIDs lets a SID in a response be empty. Twilio's own examples have empty SIDs, although the description
// requires 34 characters.
func allowEmptySIDs(document *openapi3.T) {
	for _, property := range document.Components.Schemas["api.v2010.account.incoming_phone_number"].Value.Properties {
		if schema := property.Value; schema.MinLength == 34 && schema.Pattern != "" {
			schema.MinLength = 0
			schema.Pattern = "^$|" + schema.Pattern
		}
	}
}

// check returns an error if the description does not have the request, with its path, parameters, form and login, or
// the response. It does not check error responses, which the description does not have.
func (d *description) check(r *http.Request, body string, response *httptest.ResponseRecorder) error {
	if d == nil {
		return nil
	}
	route, params, err := d.router.FindRoute(r)
	if err != nil {
		return err
	}
	if _, _, ok := r.BasicAuth(); !ok {
		return errors.New("it has no login")
	}
	r.Body = io.NopCloser(strings.NewReader(body))
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		IncludeResponseStatus: true}
	request := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options}
	if err := openapi3filter.ValidateRequest(r.Context(), request); err != nil {
		return err
	}
	if err := checkNames(route.Operation, r.URL.Query(), body); err != nil || response.Code >= http.StatusBadRequest {
		return err
	}
	return openapi3filter.ValidateResponse(r.Context(), (&openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: response.Code, Header: response.Header(), Options: options,
	}).SetBodyBytes(response.Body.Bytes()))
}

// checkNames returns an error for a parameter that the operation does not have. OpenAPI allows such parameters and
// Twilio ignores them, so a misspelt name would go unnoticed.
func checkNames(operation *openapi3.Operation, query url.Values, body string) error {
	for name := range query {
		if operation.Parameters.GetByInAndName("query", name) == nil {
			return fmt.Errorf("it has no parameter %s", name)
		}
	}
	form, err := url.ParseQuery(body)
	for name := range form {
		content := operation.RequestBody.Value.Content.Get("application/x-www-form-urlencoded")
		if content.Schema.Value.Properties[name] == nil {
			return fmt.Errorf("its form has no field %s", name)
		}
	}
	return err
}
