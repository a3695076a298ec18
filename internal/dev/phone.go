package dev

import "smsession/internal/phone"

// Phone returns the options of a phone that sends messages to the service.
func (s Service) Phone(from, to string) phone.Options {
	return phone.Options{
		From:       from,
		To:         to,
		AuthToken:  s.AuthToken,
		AccountSID: s.AccountSID,
		Webhook:    phone.Endpoint{URL: s.PublicURL + "/sms", Address: s.URL + "/sms"},
		Fallback:   phone.Endpoint{URL: s.PublicURL + "/sms/fallback", Address: s.URL + "/sms/fallback"},
	}
}
