package twiliotest

import "encoding/json"

// example is the number of the example readFull of ListIncomingPhoneNumber in Twilio's OpenAPI description
// (github.com/twilio/twilio-oai, MIT License, Copyright (C) 2023, Twilio, Inc.), byte for byte but for white space.
const example = `{
  "account_sid": "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "address_requirements": "none",
  "address_sid": "ADaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "api_version": "2010-04-01",
  "beta": null,
  "capabilities": {"voice": true, "sms": false, "mms": true, "fax": false},
  "date_created": "Thu, 30 Jul 2015 23:19:04 +0000",
  "date_updated": "Thu, 30 Jul 2015 23:19:04 +0000",
  "emergency_status": "Active",
  "emergency_address_sid": "ADaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "emergency_address_status": "registered",
  "friendly_name": "(808) 925-5327",
  "identity_sid": "RIaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "origin": "origin",
  "phone_number": "+18089255327",
  "sid": "PNaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "sms_application_sid": "",
  "sms_fallback_method": "POST",
  "sms_fallback_url": "",
  "sms_method": "POST",
  "sms_url": "",
  "status_callback": "",
  "status_callback_method": "POST",
  "trunk_sid": null,
  "uri": "/2010-04-01/Accounts/ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/IncomingPhoneNumbers/PNaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.json",
  "voice_application_sid": "",
  "voice_caller_id_lookup": false,
  "voice_fallback_method": "POST",
  "voice_fallback_url": null,
  "voice_method": "POST",
  "voice_url": null,
  "bundle_sid": "BUaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "voice_receive_mode": "voice",
  "status": "in-use",
  "type": "local"
}`

// The number of the example.
const (
	ExampleNumber = "+18089255327"
	ExampleSID    = "PNaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

// Example returns the number of Twilio's example, with fields replaced: name, value, name, value.
func Example(replaced ...any) map[string]any {
	var number map[string]any
	if err := json.Unmarshal([]byte(example), &number); err != nil {
		panic(err)
	}
	for i := 0; i+1 < len(replaced); i += 2 {
		number[replaced[i].(string)] = replaced[i+1]
	}
	return number
}
