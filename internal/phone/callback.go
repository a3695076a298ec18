package phone

import (
	"context"
	"net/http"
	"sync"

	"smsession/internal/twiml"
)

// callback is the statusCallback of a reply.
type callback struct {
	reply     Reply
	from      *target // returned the document
	reference string  // the URL as the document has it
}

// callBack calls the statusCallbacks of the results. Twilio does so when it has executed the documents. The callbacks
// of different replies are called at the same time. Each one gets the status sent, and then delivered.
//
// See https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks.
func (s sending) callBack(ctx context.Context, results []documentResult) (all []documentResult) {
	var callbacks []callback
	for _, r := range results {
		callbacks = append(callbacks, r.callbacks...)
	}
	called := make([][]documentResult, len(callbacks))
	var calls sync.WaitGroup
	for i, c := range callbacks {
		calls.Go(func() { called[i] = s.report(ctx, c) })
	}
	calls.Wait()
	for _, results := range called {
		all = append(all, results...)
	}
	return all
}

// report calls a statusCallback with every status that its reply gets.
func (s sending) report(ctx context.Context, c callback) (all []documentResult) {
	statuses := []string{"sent", "delivered"}
	if c.reply.Status == Refused {
		statuses = []string{"failed"}
	}
	to, failed := s.phone.next(c.from, c.reference, 11100, "The statusCallback cannot be used")
	switch {
	case failed != nil && failed.notFollowed != "": // the replies are known nevertheless
		var found twiml.Findings
		found.Warn(0, "Twilio would call the statusCallback at another server, %+q. This phone did not.",
			failed.notFollowed)
		return []documentResult{documentResult{}.with(c.from.public.String(), found)}
	case failed != nil:
		return []documentResult{documentResult{}.failing(failed, c.from.public.String())}
	}
	for _, status := range statuses {
		if ctx.Err() != nil {
			break
		}
		form := encode(s.phone.status(c.reply, status, s.phone.Now()))
		result, _, _ := s.fetch(ctx, request{
			reason: StatusCallback, method: http.MethodPost, to: to, form: form, isCallback: true,
		})
		all = append(all, result)
	}
	return all
}

// readCallback reads the response to a status callback. Twilio needs no content.
func readCallback(res response) twiml.Document {
	if res.status/100 == 2 {
		return twiml.Document{}
	}
	return twiml.ReadResponse(res.status, "", nil) // a failure: no other status is valid
}
