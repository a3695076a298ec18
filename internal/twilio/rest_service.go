package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/twilio/twilio-go/client"
)

// Twilio's number resource does not name the Messaging Service that has the number, so each service is asked. The paths
// are https://www.twilio.com/docs/messaging/api/service-resource and …/phonenumber-resource; twilio-go's package for
// them would bring forty resources more for the six fields that are read here.
const (
	servicesURL  = "https://messaging.twilio.com/v1/Services"
	mostServices = 50 // a request each
)

// Service is a Messaging Service.
type Service struct {
	SID, FriendlyName string
	// Webhook is the service's own. Its URL is empty if the service takes no messages in.
	Webhook Webhook
	// UsesNumbersWebhook says that the webhooks of the service's numbers hold. Otherwise the service's does, for all of
	// them.
	UsesNumbersWebhook bool
}

// service is a Service as the API has it.
type service struct {
	SID            string `json:"sid"`
	FriendlyName   string `json:"friendly_name"`
	URL            string `json:"inbound_request_url"`
	Method         string `json:"inbound_method"`
	FallbackURL    string `json:"fallback_url"`
	FallbackMethod string `json:"fallback_method"`
	UsesNumbers    bool   `json:"use_inbound_webhook_on_number"`
}

type servicePage struct {
	Services []service `json:"services"`
	Meta     struct {
		Next string `json:"next_page_url"`
	} `json:"meta"`
}

// Service finds the Messaging Service that has the number with the SID numberSID among its senders; nil if none has. It
// is an error for the account to have more services than can be asked in a reasonable time.
func (a *Account) Service(ctx context.Context, numberSID string) (*Service, error) {
	var page servicePage
	if err := a.get(ctx, servicesURL, url.Values{"PageSize": {strconv.Itoa(mostServices)}}, &page); err != nil {
		return nil, err
	}
	for _, s := range page.Services {
		has, err := a.serviceHas(ctx, s.SID, numberSID)
		if err != nil {
			return nil, err
		}
		if has {
			return &Service{
				SID: s.SID, FriendlyName: s.FriendlyName,
				Webhook:            Webhook{URL: s.URL, Method: s.Method, FallbackURL: s.FallbackURL, FallbackMethod: s.FallbackMethod},
				UsesNumbersWebhook: s.UsesNumbers,
			}, nil
		}
	}
	if page.Meta.Next != "" {
		return nil, fmt.Errorf("the account has more than %d Messaging Services, too many to ask each", mostServices)
	}
	return nil, nil
}

func (a *Account) serviceHas(ctx context.Context, serviceSID, numberSID string) (bool, error) {
	var sender struct {
		SID string `json:"sid"`
	}
	address := servicesURL + "/" + url.PathEscape(serviceSID) + "/PhoneNumbers/" + url.PathEscape(numberSID)
	err := a.get(ctx, address, nil, &sender)
	var refusal *APIError
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// get reads a JSON object into answer.
func (a *Account) get(ctx context.Context, address string, query url.Values, answer any) error {
	return a.exchange(ctx, func(h *client.RequestHandler) error {
		response, err := h.Get(address, query, nil, "")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		return json.NewDecoder(response.Body).Decode(answer)
	})
}
