package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/twilio/twilio-go/client"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"smsession/internal/weburl"
)

// Webhook is the URLs to which Twilio sends the messages of a number, with their HTTP methods. Its JSON masks the user
// and the password of the URLs.
type Webhook struct {
	URL            weburl.URL `json:"url"`
	Method         string     `json:"method"`
	FallbackURL    weburl.URL `json:"fallback_url"`
	FallbackMethod string     `json:"fallback_method"`
}

// Number is a phone number of an account.
type Number struct {
	PhoneNumber  string  `json:"number"` // E.164
	SID          string  `json:"sid"`    // PN and 32 hex digits
	FriendlyName string  `json:"friendly_name"`
	Webhook      Webhook `json:"webhook"`
	// ApplicationSID is the application whose webhook Twilio uses instead of the number's, or empty.
	ApplicationSID string `json:"application_sid"`
}

// Number returns the account's phone number that equals phoneNumber, which is in E.164. It returns an error if the
// account does not have the number, or has it twice.
func (a *Account) Number(ctx context.Context, phoneNumber string) (Number, error) {
	var found []openapi.ApiV2010IncomingPhoneNumber
	err := a.call(ctx, func(h *client.RequestHandler) (err error) {
		found, err = openapi.NewApiService(h).ListIncomingPhoneNumber(
			(&openapi.ListIncomingPhoneNumberParams{}).SetPhoneNumber(phoneNumber))
		return err
	})
	if err != nil {
		return Number{}, err
	}
	// Twilio also returns the numbers that contain the given one.
	found = slices.DeleteFunc(found, func(n openapi.ApiV2010IncomingPhoneNumber) bool {
		return value(n.PhoneNumber) != phoneNumber
	})
	switch len(found) {
	case 0:
		return Number{}, fmt.Errorf("the account has no number %s", phoneNumber)
	case 1:
		return number(&found[0]), nil
	}
	return Number{}, fmt.Errorf("the account has the number %s %d times, so it is not clear which one is meant",
		phoneNumber, len(found))
}

// SetWebhook sets the webhook of the number with the SID numberSID, and returns the number in Twilio's answer. If the
// error is an *Error with a status below 500, the webhook was not set. After any other error, the webhook may or may
// not have been set, and it is safe to set it again.
func (a *Account) SetWebhook(ctx context.Context, numberSID string, w Webhook) (Number, error) {
	params := (&openapi.UpdateIncomingPhoneNumberParams{}).
		SetSmsUrl(w.URL.Configured()).SetSmsMethod(w.Method).
		SetSmsFallbackUrl(w.FallbackURL.Configured()).SetSmsFallbackMethod(w.FallbackMethod)
	var updated *openapi.ApiV2010IncomingPhoneNumber
	err := a.call(ctx, func(h *client.RequestHandler) (err error) {
		updated, err = openapi.NewApiService(h).UpdateIncomingPhoneNumber(numberSID, params)
		return err
	})
	var rejected *Error
	switch {
	case err == nil:
		return number(updated), nil
	case errors.As(err, &rejected) && rejected.Status < http.StatusInternalServerError:
		return Number{}, err
	case errors.Is(err, context.Canceled):
		err = errors.New("interrupted") // an interruption must not hide the consequence
	}
	return Number{}, fmt.Errorf("%w; the webhook may or may not have been set", err)
}

func number(n *openapi.ApiV2010IncomingPhoneNumber) Number {
	return Number{
		PhoneNumber:  value(n.PhoneNumber),
		SID:          value(n.Sid),
		FriendlyName: value(n.FriendlyName),
		Webhook: Webhook{
			URL:            weburl.Split(value(n.SmsUrl)),
			Method:         value(n.SmsMethod),
			FallbackURL:    weburl.Split(value(n.SmsFallbackUrl)),
			FallbackMethod: value(n.SmsFallbackMethod),
		},
		ApplicationSID: value(n.SmsApplicationSid),
	}
}

// value returns the value of a field. A field that is null in a response has the zero value.
func value[T any](field *T) (v T) {
	if field != nil {
		v = *field
	}
	return v
}
