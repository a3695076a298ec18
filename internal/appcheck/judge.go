package appcheck

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

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

// judge judges the calls of one app.
type judge struct {
	app            config.App
	hasRandomToken bool // the calls are signed with a token that the app does not know
}

// call returns what Twilio would report about a call of the app, and advice on its fault.
func (j judge) call(c app.Call) (found twiml.Findings) {
	document := j.document(c)
	fault, isFault := errors.AsType[conversation.Fault](c.Err)
	switch {
	case isFault:
		code := twilioErrors[fault]
		if i := slices.IndexFunc(document, isError); code == 0 && i >= 0 {
			code = document[i].Code
		}
		found.Fail(code, "%s%s", cmp.Or(c.Problem, "The app has the fault "+string(fault)+"."), j.advice(c))
		return found
	case c.Err != nil: // too little time was left, so the app was not called
		found.Fail(0, "The app could not be called in time.")
		return found
	}
	return slices.DeleteFunc(document, isError) // the phone finds the errors again
}

// document returns what Twilio would find in the last answer of the app. It returns nothing for an answer that Twilio
// does not get in this form: an empty one, a redirect, or JSON.
func (j judge) document(c app.Call) twiml.Findings {
	last := lastExchange(c)
	isEmpty := last.Status/100 == 2 && last.Answer == ""
	isRedirect := last.Status/100 == 3
	if last.Status == 0 || isEmpty || isRedirect || j.app.Protocol == config.AppJSON {
		return nil
	}
	return twiml.ReadResponse(last.Status, last.AnswerHeader.Get("Content-Type"), []byte(last.Answer)).Findings
}

// texts returns the texts of the messages in all documents of a call, or nil for an app that speaks JSON.
func (j judge) texts(c app.Call) (texts []string) {
	for _, e := range c.Exchanges {
		if e.Status/100 != 2 || e.Answer == "" || j.app.Protocol == config.AppJSON {
			continue
		}
		for _, v := range twiml.ReadResponse(e.Status, e.AnswerHeader.Get("Content-Type"), []byte(e.Answer)).Verbs {
			if !v.IsRedirect {
				texts = append(texts, v.Body)
			}
		}
	}
	return texts
}

// arrived returns an error unless the sender sees the texts of a call. More replies may follow, from the action of a
// message.
func (j judge) arrived(c app.Call, replies []phone.Reply) (found twiml.Findings) {
	lineEnds := strings.NewReplacer("\r\n", "\n", "\r", "\n") // XML has only \n
	for i, text := range j.texts(c) {
		if i >= len(replies) || lineEnds.Replace(replies[i].Body) != lineEnds.Replace(text) {
			found.Fail(0, "The sender does not see text %d as the app has sent it.", i+1)
			return found
		}
	}
	return nil
}

// lastExchange returns the last request to the app, or an Exchange without a Status if there is none.
func lastExchange(c app.Call) app.Exchange {
	if n := len(c.Exchanges); n > 0 {
		return c.Exchanges[n-1]
	}
	return app.Exchange{}
}

// advice returns what the app's Problem does not know about a fault, as a sentence, or "".
func (j judge) advice(c app.Call) string {
	status := lastExchange(c).Status
	isRefused := status == http.StatusUnauthorized || status == http.StatusForbidden
	if isRefused && j.hasRandomToken && j.app.Protocol != config.AppJSON {
		return " Here it is a random token, because --auth-token (TWILIO_AUTH_TOKEN) is not set."
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

func isError(f phone.Finding) bool { return !f.Warning }

func hasError(found twiml.Findings) bool { return slices.ContainsFunc(found, isError) }
