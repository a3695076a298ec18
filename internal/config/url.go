package config

import (
	"errors"
	"strings"

	"smsession/internal/hostname"
	"smsession/internal/weburl"
)

// URL is a URL that Twilio is configured with. The zero URL is not set.
type URL = weburl.URL

// parsePublicURL drops the last slash, because Append adds one.
func parsePublicURL(text string) (URL, error) {
	u, err := ParseURL(text)
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, err
}

// ParseURL parses a URL that Twilio is configured with. The error is a sentence. It does not quote the URL, which may
// contain a password.
func ParseURL(text string) (URL, error) {
	switch u := weburl.Split(text); {
	case strings.Contains(u.Fragment, "@"):
		return URL{}, errors.New("the URL has a # before the @: in a user or password, write %23 for #")
	case u.Query != "":
		return URL{}, errors.New("the URL has a query (a ? and what follows): leave it out, because the query of each request is used")
	}
	u, err := weburl.Parse(text)
	if err == nil {
		err = hostname.Check(u.Parsed())
	}
	return u, err
}
