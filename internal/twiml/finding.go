package twiml

import (
	"fmt"
	"slices"
)

// Finding is an entry of Twilio's debugger, or a warning about something that Twilio's documentation leaves open.
//
// Twilio lists the numbers from 14101 to 14110 as warnings. Here they are errors, because each one means that the
// sender does not receive something that the webhook sent. 12200 is a warning, because Twilio executes the document.
type Finding struct {
	Code    int    `json:"code,omitempty"`    // Twilio's error number; 0 if Twilio has none
	Name    string `json:"name,omitempty"`    // Twilio's name for the error; "" if Twilio has none
	Detail  string `json:"detail"`            // what happened, in full sentences
	URL     string `json:"url,omitempty"`     // the URL of the request; this package leaves it empty
	Warning bool   `json:"warning,omitempty"` // false for an error
}

// Findings is a list of findings, in the order in which they were found.
type Findings []Finding

// Fail adds an error without a URL. The detail is formatted as by fmt.Sprintf.
func (f *Findings) Fail(code int, detail string, args ...any) { f.add(false, code, detail, args) }

// Warn adds a warning without a URL. The code is 0 if Twilio has no number for it.
func (f *Findings) Warn(code int, detail string, args ...any) { f.add(true, code, detail, args) }

func (f *Findings) add(isWarning bool, code int, detail string, args []any) {
	detail = fmt.Sprintf(detail, args...)
	*f = append(*f, Finding{Code: code, Name: errorNames[code], Detail: detail, Warning: isWarning})
}

func (f Findings) haveError() bool {
	return slices.ContainsFunc(f, func(each Finding) bool { return !each.Warning })
}

// errorNames are Twilio's names for its error numbers. Each number has a page, such as
// https://www.twilio.com/docs/api/errors/11200. The map does not change.
var errorNames = map[int]string{
	11100: "Invalid URL format",
	11200: "HTTP retrieval failure",
	11202: "TCP connection refused",
	11203: "HTTP communication total time out triggered",
	11205: "HTTP connection failure",
	11206: "HTTP protocol violation",
	11210: "HTTP bad host name",
	11215: "HTTP too many redirects",
	11216: "HTTP invalid redirect",
	11217: "HTTP error response code",
	11220: "SSL/TLS Handshake Error",
	11235: "Certificate Invalid - Domain Mismatch",
	11236: "Certificate Invalid - Certificate Expired",
	11237: "Certificate Invalid - Could not find path to certificate",
	11750: "TwiML response body too large",
	12100: "Document parse failure",
	12101: "Invalid Twilio Markup XML version",
	12102: "The root element must be Response",
	12200: "Schema validation warning",
	12300: "Invalid Content-Type",
	14101: `Invalid "To" attribute`,
	14102: `Invalid "From" attribute`,
	14103: "Invalid Body",
	14104: "Invalid Method attribute",
	14105: "Invalid statusCallback attribute",
	14106: "Document retrieval limit reached",
	14109: "TwiML Reply message limit exceeded",
	14110: "Invalid Verb for SMS Reply",
	21610: "Attempt to send to unsubscribed recipient",
	21617: "The concatenated message body exceeds the 1600 character limit",
}
