package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/twilio/twilio-go/client"

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

// number is a Number as the API describes it.
type number struct {
	PhoneNumber    string `json:"phone_number"`
	SID            string `json:"sid"`
	FriendlyName   string `json:"friendly_name"`
	URL            string `json:"sms_url"`
	Method         string `json:"sms_method"`
	FallbackURL    string `json:"sms_fallback_url"`
	FallbackMethod string `json:"sms_fallback_method"`
	ApplicationSID string `json:"sms_application_sid"`
}

// The paths are those of https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource.
const apiURL = "https://api.twilio.com"

func (a *Account) numbersURL() string {
	return apiURL + "/2010-04-01/Accounts/" + url.PathEscape(a.SID) + "/IncomingPhoneNumbers"
}

// Number returns the account's phone number that equals phoneNumber, which is in E.164. It returns an error if the
// account does not have the number, or has it twice.
func (a *Account) Number(ctx context.Context, phoneNumber string) (Number, error) {
	var found []number
	err := a.call(ctx, func(h *client.RequestHandler) (err error) {
		found, err = a.numbers(h, phoneNumber)
		return err
	})
	if err != nil {
		return Number{}, err
	}
	switch len(found) {
	case 0:
		return Number{}, fmt.Errorf("the account has no number %s", phoneNumber)
	case 1:
		return found[0].public(), nil
	}
	return Number{}, fmt.Errorf("the account has the number %s %d times, so it is not clear which one is meant",
		phoneNumber, len(found))
}

// numbers reads all pages of the account's numbers that equal phoneNumber.
func (a *Account) numbers(h *client.RequestHandler, phoneNumber string) (found []number, err error) {
	query := url.Values{"PhoneNumber": {phoneNumber}}
	for address := a.numbersURL() + ".json"; ; query = nil {
		var page struct {
			Numbers []number `json:"incoming_phone_numbers"`
			Next    string   `json:"next_page_uri"` // a path with a query; null on the last page
		}
		if err := get(h, address, query, &page); err != nil {
			return nil, err
		}
		found = append(found, page.Numbers...)
		if page.Next == "" {
			break
		}
		address = apiURL + page.Next
	}
	// Twilio also returns the numbers that contain the given one.
	return slices.DeleteFunc(found, func(n number) bool { return n.PhoneNumber != phoneNumber }), nil
}

// SetWebhook sets the webhook of the number with the SID numberSID, and returns the number in Twilio's answer. If the
// error is an *Error with a status below 500, the webhook was not set. After any other error, the webhook may or may
// not have been set, and it is safe to set it again.
func (a *Account) SetWebhook(ctx context.Context, numberSID string, w Webhook) (Number, error) {
	var updated number
	err := a.call(ctx, func(h *client.RequestHandler) error {
		return post(h, a.numbersURL()+"/"+url.PathEscape(numberSID)+".json", url.Values{
			"SmsUrl": {w.URL.Configured()}, "SmsMethod": {w.Method},
			"SmsFallbackUrl": {w.FallbackURL.Configured()}, "SmsFallbackMethod": {w.FallbackMethod},
		}, &updated)
	})
	var rejected *Error
	switch {
	case err == nil:
		return updated.public(), nil
	case errors.As(err, &rejected) && rejected.Status < http.StatusInternalServerError:
		return Number{}, err
	case errors.Is(err, context.Canceled):
		err = errors.New("interrupted") // an interruption must not hide the consequence
	}
	return Number{}, fmt.Errorf("%w; the webhook may or may not have been set", err)
}

func (n *number) public() Number {
	return Number{
		PhoneNumber: n.PhoneNumber, SID: n.SID, FriendlyName: n.FriendlyName, ApplicationSID: n.ApplicationSID,
		Webhook: Webhook{
			URL: weburl.Split(n.URL), Method: n.Method,
			FallbackURL: weburl.Split(n.FallbackURL), FallbackMethod: n.FallbackMethod,
		},
	}
}
