package app

import (
	"bytes"
	"encoding/json"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxData  = 16 << 10 // bytes of data without white space
	maxDepth = 16       // levels of data; an object without objects and arrays has one
)

// unwrap returns the data of an app in a state's Data. Data of another form are as if they were empty, for example
// after the protocol of the app was changed.
func unwrap(stored json.RawMessage) jsontext.Value {
	var s struct {
		Data jsontext.Value `json:"data"`
	}
	if err := jsonv2.Unmarshal(stored, &s); err != nil || s.Data.Kind() != '{' {
		return jsontext.Value("{}")
	}
	return s.Data
}

// wrap returns a state's Data with the data of an app. The data are stored as they are, so that redis-cli shows them.
func wrap(data jsontext.Value) json.RawMessage {
	return json.RawMessage(`{"data":` + string(data) + `}`)
}

// newData returns a state's Data after an answer. before is the Data before it, and given is what the answer has as its
// data: nil if it has none.
func newData(before json.RawMessage, given jsontext.Value) (json.RawMessage, *failure) {
	switch given.Kind() {
	case 0:
		return before, nil
	case 'n':
		return nil, nil
	case '{':
	default:
		return nil, newFailure(Data, "The data are not an object.")
	}
	if err := given.Compact(); err != nil {
		return nil, newFailure(Data, "The data cannot be stored: %s.", err)
	}
	switch depth := depthOf(given); {
	case len(given) > maxData:
		return nil, newFailure(Data, "The data have %d bytes. At most %d are allowed.", len(given), maxData)
	case depth > maxDepth:
		return nil, newFailure(Data, "The data have %d levels. At most %d are allowed.", depth, maxDepth)
	case string(given) == "{}":
		return nil, nil
	}
	return wrap(given), nil
}

// depthOf returns how many levels of objects and arrays a valid JSON value has.
func depthOf(value jsontext.Value) (deepest int) {
	d := jsontext.NewDecoder(bytes.NewReader(value))
	for {
		if _, err := d.ReadToken(); err != nil {
			return deepest
		}
		deepest = max(deepest, d.StackDepth())
	}
}
