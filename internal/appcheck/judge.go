package appcheck

import (
	"cmp"
	"errors"
	"net/http"

	"smsession/internal/app"
	"smsession/internal/config"
	"smsession/internal/conversation"
	"smsession/internal/phone"
	"smsession/internal/twiml"
)

// twilioErrors are the errors that Twilio's debugger would show for faults that cannot be read from an answer. 0 means
// that Twilio has no error for the fault. The map does not change.
var twilioErrors = map[conversation.Fault]int{
	app.Unreachable:      11205,
	app.Timeout:          11205,
	app.Broken:           11206,
	app.Redirect:         11216,
	app.TooLarge:         11750,
	app.TooManyDocuments: 14106,
}

// judgeCall returns what Twilio would report about a call of the app, and advice on its fault.
func judgeCall(c app.Call, protocol config.AppProtocol) (found twiml.Findings) {
	fault, isFault := errors.AsType[conversation.Fault](c.Err)
	switch {
	case c.Err != nil && !isFault: // too little time was left, so the app was not called
		found.Fail(0, "The app could not be called in time.")
		return found
	case isFault:
		code := twilioErrors[fault]
		if f := documentFindings(c, protocol); code == 0 && len(f) > 0 && hasError(f) {
			code = f[len(f)-1].Code
		}
		detail := cmp.Or(c.Problem, "The app has the fault "+string(fault)+".")
		found.Fail(code, "%s%s", detail, advice(c))
		return found
	}
	for _, f := range documentFindings(c, protocol) {
		if f.Warning {
			found = append(found, f)
		}
	}
	return found
}

// documentFindings returns what Twilio would find in the last answer of the app. There are no findings if Twilio would
// not read the answer.
func documentFindings(c app.Call, protocol config.AppProtocol) twiml.Findings {
	if len(c.Exchanges) == 0 || protocol == config.AppJSON {
		return nil
	}
	last := c.Exchanges[len(c.Exchanges)-1]
	if last.Status == 0 || last.Status/100 == 3 {
		return nil
	}
	return twiml.ReadResponse(last.Status, last.AnswerHeader.Get("Content-Type"), []byte(last.Answer)).Findings
}

// advice returns what to do about a fault, as another sentence, or "".
func advice(c app.Call) string {
	if len(c.Exchanges) == 0 {
		return ""
	}
	switch c.Exchanges[len(c.Exchanges)-1].Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return " If the app checks Twilio's signature, give the auth token that it knows with --auth-token, and the URL " +
			"that it signs with --public-url. If it checks the Host, --public-url sets that, too."
	case http.StatusBadRequest:
		return " If the app checks the Host, give the URL with a Host that it knows with --public-url."
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return " Check the path of the URL: it must be the webhook that Twilio posts to."
	}
	return ""
}

// judgeDelivery returns the errors that Twilio would log about the reply, and the warnings that have a number of
// Twilio. It leaves out the other warnings, which are about our own cookie.
func judgeDelivery(d *phone.Delivery) (found twiml.Findings) {
	for _, f := range d.Findings {
		switch {
		case d.NotFollowed != "" && !f.Warning && f.Code == 0:
			found.Warn(0, "%s", f.Detail)
		case !f.Warning || f.Code != 0:
			found = append(found, f)
		}
	}
	return found
}
