package twiliotest

import (
	_ "embed"
	"encoding/json"
)

// example is the number of the example readFull of ListIncomingPhoneNumber in Twilio's OpenAPI description
// (github.com/twilio/twilio-oai, MIT License, Copyright (C) 2023, Twilio, Inc.). Only white space differs.
//
//go:embed example.json
var example []byte

// The phone number and the SID of the example.
const (
	ExampleNumber = "+18089255327"
	ExampleSID    = "PNaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

// Example returns the number of Twilio's example with some fields replaced: name, value, name, value.
func Example(replaced ...any) map[string]any {
	var number map[string]any
	if err := json.Unmarshal(example, &number); err != nil {
		panic(err)
	}
	for i := 0; i+1 < len(replaced); i += 2 {
		number[replaced[i].(string)] = replaced[i+1]
	}
	return number
}
