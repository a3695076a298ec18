package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"smsession/internal/cookies"
)

// sessionCookie is the name of the cookie between Twilio and this service.
const sessionCookie = "smsession"

// maxSets is how many Set-Cookie headers one answer may have. A jar of 50 cookies can be deleted and set again. Without
// this limit, the time for an answer would grow with the square of their number, to seconds within maxHead.
const maxSets = 100

// jar is the cookies of the app for one conversation. There is one jar for one app, so Domain, Path, Secure and
// SameSite have no effect. A cookie without an expiry lives as long as the session.
type jar struct {
	list      cookies.List
	now       time.Time
	stored    json.RawMessage // from which the jar was opened
	isChanged bool
}

// stored is the form of a jar in State.Data.
type stored struct {
	Cookies cookies.List `json:"cookies"`
}

// openJar returns the cookies in a state's Data that have not expired. Data of another form is an empty jar, for
// example after the protocol of the app was changed.
func openJar(data json.RawMessage, now time.Time) jar {
	j := jar{now: now, stored: data}
	if len(data) == 0 {
		return j
	}
	all, err := readCookies(data)
	if err != nil {
		j.isChanged = true
		return j
	}
	for _, c := range all {
		if c.Expires.IsZero() || c.Expires.After(now) {
			j.list = append(j.list, c)
		}
	}
	j.isChanged = len(j.list) < len(all)
	return j
}

// readCookies reads the cookies of a jar's stored form.
func readCookies(data json.RawMessage) (cookies.List, error) {
	if list := readPlain(string(data)); list != nil {
		return list, nil
	}
	var s stored
	err := jsonv2.Unmarshal(data, &s)
	return s.Cookies, err
}

// readPlain reads a form that appendCookies has written, in a fraction of the time that jsonv2 takes. It returns nil
// for any other text, and if a name or a value has an escape or a letter outside ASCII.
func readPlain(text string) (list cookies.List) {
	isSpecial := func(r rune) bool { return r < ' ' || r > '~' || r == '\\' }
	text, hasBegin := strings.CutPrefix(text, `{"cookies":[{"name":"`)
	text, hasEnd := strings.CutSuffix(text, `"}]}`)
	if !hasBegin || !hasEnd || strings.ContainsFunc(text, isSpecial) {
		return nil
	}
	for one := range strings.SplitSeq(text, `"},{"name":"`) {
		name, rest, hasValue := strings.Cut(one, `","value":"`)
		value, expires, hasExpires := strings.Cut(rest, `","expires":"`)
		c := cookies.Cookie{Name: name, Value: value}
		if !hasValue || strings.Contains(name, `"`) || strings.Contains(value, `"`) ||
			hasExpires && c.Expires.UnmarshalText([]byte(expires)) != nil {
			return nil
		}
		list = append(list, c)
	}
	return list
}

// data returns the jar as a state's Data.
func (j jar) data() json.RawMessage {
	switch {
	case len(j.list) == 0:
		return nil
	case !j.isChanged:
		return j.stored
	}
	return appendCookies(nil, j.list)
}

// appendCookies appends the stored form of a jar. It writes the bytes that jsonv2 would write. The cookies must have
// been checked, so that they can be written as JSON.
func appendCookies(b []byte, list cookies.List) []byte {
	separator := `{"cookies":[{"name":`
	for _, c := range list {
		b, _ = jsontext.AppendQuote(append(b, separator...), c.Name)
		b, _ = jsontext.AppendQuote(append(b, `,"value":`...), c.Value)
		if !c.Expires.IsZero() {
			b = append(c.Expires.AppendFormat(append(b, `,"expires":"`...), time.RFC3339Nano), '"')
		}
		separator = `},{"name":`
	}
	return append(b, `}]}`...)
}

// update keeps the cookies of an answer. It returns an error if the answer or the whole jar breaks a rule.
func (j *jar) update(headers []string) error {
	if len(headers) > maxSets {
		return fmt.Errorf("an answer sets more than %d cookies", maxSets)
	}
	for _, header := range headers {
		c, err := cookies.Parse(header, nil, j.now)
		switch {
		case errors.Is(err, cookies.ErrIgnored):
			continue
		case err != nil:
			return err
		}
		if !c.Expires.IsZero() {
			c.Expires = c.Expires.UTC().Truncate(time.Second)
		}
		j.list, j.isChanged = j.list.Set(c, j.now), true
	}
	if len(headers) == 0 {
		return nil
	}
	return j.list.Check()
}

// adopt keeps the cookies that Twilio has sent, which an app has set before this service was put in front of it. It
// leaves out a cookie that breaks a rule.
func (j *jar) adopt(headers []string) {
	for _, header := range headers {
		for pair := range strings.SplitSeq(header, ";") {
			name, value, found := strings.Cut(pair, "=")
			name, value = strings.Trim(name, " "), strings.Trim(value, " ")
			if !found || name == "" || name == sessionCookie {
				continue
			}
			list := j.list.Set(cookies.Cookie{Name: name, Value: value}, j.now)
			if list.Check() == nil {
				j.list, j.isChanged = list, true
			}
		}
	}
}
