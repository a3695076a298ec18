package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/twilio/twilio-go/client"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"
)

// Webhook is where Twilio posts the messages to a number.
type Webhook struct {
	URL, Method                 string
	FallbackURL, FallbackMethod string
}

// Number is a phone number of an account.
type Number struct {
	SID          string // PN and 32 hex digits
	PhoneNumber  string // E.164
	FriendlyName string
	Webhook      Webhook
	// ApplicationSID is empty, or the application whose webhook holds instead: Twilio then ignores the number's.
	ApplicationSID string
}

// Number finds the one number of the account that is phoneNumber, in E.164. None is an error, and several are.
func (a *Account) Number(ctx context.Context, phoneNumber string) (Number, error) {
	var found []openapi.ApiV2010IncomingPhoneNumber
	err := a.exchange(ctx, func(h *client.RequestHandler) (err error) {
		found, err = openapi.NewApiService(h).ListIncomingPhoneNumber(
			(&openapi.ListIncomingPhoneNumberParams{}).SetPhoneNumber(phoneNumber))
		return err
	})
	if err != nil {
		return Number{}, err
	}
	// Twilio's filter finds every number that has the given one as a part.
	found = slices.DeleteFunc(found, func(n openapi.ApiV2010IncomingPhoneNumber) bool {
		return value(n.PhoneNumber) != phoneNumber
	})
	switch len(found) {
	case 0:
		return Number{}, fmt.Errorf("the account has no number %s", phoneNumber)
	case 1:
		return number(&found[0]), nil
	}
	return Number{}, fmt.Errorf("the account has the number %s %d times, so which one is meant cannot be told", phoneNumber, len(found))
}

// SetWebhook sets the webhook of the number with the SID numberSID, and returns the number as Twilio then has it. After
// an error that leaves open whether it was set, the error says so; setting it again is safe.
func (a *Account) SetWebhook(ctx context.Context, numberSID string, w Webhook) (Number, error) {
	params := (&openapi.UpdateIncomingPhoneNumberParams{}).
		SetSmsUrl(w.URL).SetSmsMethod(w.Method).
		SetSmsFallbackUrl(w.FallbackURL).SetSmsFallbackMethod(w.FallbackMethod)
	var updated *openapi.ApiV2010IncomingPhoneNumber
	err := a.exchange(ctx, func(h *client.RequestHandler) (err error) {
		updated, err = openapi.NewApiService(h).UpdateIncomingPhoneNumber(numberSID, params)
		return err
	})
	var refusal *APIError
	switch {
	case err == nil:
		return number(updated), nil
	case errors.As(err, &refusal) && refusal.Status < http.StatusInternalServerError:
		return Number{}, err
	}
	return Number{}, fmt.Errorf("%w; the webhook may have been set or not", err)
}

func number(n *openapi.ApiV2010IncomingPhoneNumber) Number {
	return Number{
		SID:          value(n.Sid),
		PhoneNumber:  value(n.PhoneNumber),
		FriendlyName: value(n.FriendlyName),
		Webhook: Webhook{
			URL:            value(n.SmsUrl),
			Method:         value(n.SmsMethod),
			FallbackURL:    value(n.SmsFallbackUrl),
			FallbackMethod: value(n.SmsFallbackMethod),
		},
		ApplicationSID: value(n.SmsApplicationSid),
	}
}
