package phone

import "smsession/internal/twiml"

// fault is an error: Twilio would have put it into its debugger. The detail is a sentence on what happened here.
//
// Twilio itself files 11xxx and 12100 to 12300 as errors, and what is wrong with a single message, 14101 to 14110, as
// warnings. Here all of them are errors, because each costs the sender something that was meant to arrive.
// A caution is for the rest: 12200, which Twilio names a warning and which stops nothing, and whatever its texts leave
// open, with the number that it would probably have, or none.
func fault(code int, detail, url string) Finding {
	return Finding{Code: code, Name: faultName(code), Detail: detail, URL: url}
}

// caution is a warning: what happened is not certain to happen at Twilio, or is no error there. The code may be 0.
func caution(code int, detail, url string) Finding {
	return Finding{Code: code, Name: faultName(code), Detail: detail, URL: url, Warning: true}
}

// finding adds to a finding about a response where it was made.
func finding(f twiml.Finding, url string) Finding {
	return Finding{Code: f.Code, Name: faultName(f.Code), Detail: f.Detail, URL: url, Warning: f.Warning}
}

// faultName returns Twilio's name for an error number, or "" for a number that is none of ours. The names are those of
// https://www.twilio.com/docs/api/errors, where each number has a page: …/errors/11200.
func faultName(code int) string {
	switch code / 1000 {
	case 11:
		return retrievalName(code)
	case 12:
		return documentName(code)
	default:
		return messageName(code)
	}
}

func retrievalName(code int) string {
	switch code {
	case 11100:
		return "Invalid URL format"
	case 11200:
		return "HTTP retrieval failure"
	case 11202:
		return "TCP connection refused"
	case 11203:
		return "HTTP communication total time out triggered"
	case 11205:
		return "HTTP connection failure"
	case 11206:
		return "HTTP protocol violation"
	case 11210:
		return "HTTP bad host name"
	case 11215:
		return "HTTP too many redirects"
	case 11216:
		return "HTTP invalid redirect"
	case 11217:
		return "HTTP error response code"
	case 11220:
		return "SSL/TLS Handshake Error"
	case 11235:
		return "Certificate Invalid - Domain Mismatch"
	case 11236:
		return "Certificate Invalid - Certificate Expired"
	case 11237:
		return "Certificate Invalid - Could not find path to certificate"
	case 11750:
		return "TwiML response body too large"
	default:
		return ""
	}
}

func documentName(code int) string {
	switch code {
	case 12100:
		return "Document parse failure"
	case 12101:
		return "Invalid Twilio Markup XML version"
	case 12102:
		return "The root element must be Response"
	case 12200:
		return "Schema validation warning"
	case 12300:
		return "Invalid Content-Type"
	default:
		return ""
	}
}

func messageName(code int) string {
	switch code {
	case 14101:
		return `Invalid "To" attribute`
	case 14102:
		return `Invalid "From" attribute`
	case 14103:
		return "Invalid Body"
	case 14104:
		return "Invalid Method attribute"
	case 14105:
		return "Invalid statusCallback attribute"
	case 14106:
		return "Document retrieval limit reached"
	case 14109:
		return "TwiML Reply message limit exceeded"
	case 14110:
		return "Invalid Verb for SMS Reply"
	case 21610:
		return "Attempt to send to unsubscribed recipient"
	case 21617:
		return "The concatenated message body exceeds the 1600 character limit"
	default:
		return ""
	}
}
