package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/twilio/twilio-go/client"

	"smsession/internal/weburl"
)

// Twilio's number resource does not name the Messaging Service that the number belongs to, so each service is asked for
// the number. The paths are those of https://www.twilio.com/docs/messaging/api/service-resource and
// …/phonenumber-resource.
const (
	servicesURL = "https://messaging.twilio.com/v1/Services"
	maxServices = 50 // one request is sent for each service
)

// Service is a Messaging Service.
type Service struct {
	SID          string `json:"sid"`
	FriendlyName string `json:"friendly_name"`
	// Overrides reports whether Twilio uses the service's webhook, and not the webhooks of the service's numbers.
	Overrides bool `json:"overrides"`
	// Webhook is the webhook of the service itself. Its URL is empty if the service accepts no incoming messages.
	Webhook Webhook `json:"webhook"`
}

// service is a Service as the API describes it.
type service struct {
	SID            string `json:"sid"`
	FriendlyName   string `json:"friendly_name"`
	URL            string `json:"inbound_request_url"`
	Method         string `json:"inbound_method"`
	FallbackURL    string `json:"fallback_url"`
	FallbackMethod string `json:"fallback_method"`
	UsesNumbers    bool   `json:"use_inbound_webhook_on_number"`
}

// Service returns the Messaging Service to which the number with the SID numberSID belongs, or nil. It returns an error
// if the account has more than 50 services and the number is in none of the first 50.
func (a *Account) Service(ctx context.Context, numberSID string) (found *Service, err error) {
	more := false
	err = a.call(ctx, func(h *client.RequestHandler) (err error) {
		found, more, err = findService(h, numberSID)
		return err
	})
	if err == nil && found == nil && more {
		err = fmt.Errorf("the account has more than %d Messaging Services, "+
			"and the number is in none of the first ones", maxServices)
	}
	return found, err
}

// findService returns the service that has the number among the first 50. It reports whether there are more.
func findService(h *client.RequestHandler, numberSID string) (found *Service, more bool, err error) {
	var page struct {
		Services []service `json:"services"`
		Meta     struct {
			Next string `json:"next_page_url"`
		} `json:"meta"`
	}
	if err := get(h, servicesURL, url.Values{"PageSize": {strconv.Itoa(maxServices)}}, &page); err != nil {
		return nil, false, err
	}
	for _, s := range page.Services {
		if has, err := hasSender(h, s.SID, numberSID); err != nil {
			return nil, false, err
		} else if has {
			return s.public(), false, nil
		}
	}
	return nil, page.Meta.Next != "", nil
}

// hasSender reports whether a service has the number among its senders.
func hasSender(h *client.RequestHandler, serviceSID, numberSID string) (bool, error) {
	address := servicesURL + "/" + url.PathEscape(serviceSID) + "/PhoneNumbers/" + url.PathEscape(numberSID)
	err := get(h, address, nil, &struct{}{})
	var rejected *Error
	if errors.As(err, &rejected) && rejected.Status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

func (s *service) public() *Service {
	return &Service{SID: s.SID, FriendlyName: s.FriendlyName, Overrides: !s.UsesNumbers, Webhook: Webhook{
		URL: weburl.Split(s.URL), Method: s.Method,
		FallbackURL: weburl.Split(s.FallbackURL), FallbackMethod: s.FallbackMethod,
	}}
}
