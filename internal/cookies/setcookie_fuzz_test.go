package cookies

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzParse compares Parse with a literal translation of RFC 6265, section 5.2, and with net/http where net/http
// accepts the header. Dates are those that net/http knows.
func FuzzParse(f *testing.F) {
	for _, header := range []string{
		"a=1", " a = b = c ; Path=/", `a="x\054 y"; Max-Age=60; HttpOnly`, "a; b=c", "=a", "a=\t",
		"a=ñ; max-age = 007",
		"a=1; Expires=Sat, 28 Nov 2026 08:01:00 GMT; Max-Age=+5; expires=soon", "a=1; Max-Age=-7; Max-Age=0x1; Max-Age",
		"a=1; Expires=Saturday, 28-Nov-26 08:01:00 GMT; Max-Age=99999999999999999999",
		"a=1;;MAX-AGE=1; Expires=Sat, 28 Nov 2026 08:01:00 GMT;",
	} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got, err := Parse(header, nil, now)
		want, wantErr := parseLiterally(header)
		if err != wantErr || got.Name != want.Name || got.Value != want.Value || !got.Expires.Equal(want.Expires) {
			t.Fatalf("%q is read as %+v, %v, want %+v, %v", header, got, err, want, wantErr)
		}
		other, err := http.ParseSetCookie(header)
		if err != nil || wantErr != nil {
			return
		}
		value := strings.Trim(other.Value, " ")
		if other.Quoted {
			value = `"` + other.Value + `"`
		}
		if got.Name != other.Name || got.Value != value {
			t.Fatalf("%q is read as %+v, net/http reads it as %+v", header, got, other)
		}
	})
}

// dates are the formats that net/http knows.
var dates = []string{http.TimeFormat, time.RFC850, time.ANSIC, time.RFC1123, "Mon, 02-Jan-2006 15:04:05 MST"}

// parseLiterally follows RFC 6265, section 5.2, and then Twilio's page on error 11206.
func parseLiterally(header string) (c Cookie, _ error) {
	for _, r := range "\t\r\n\v\f" {
		if strings.ContainsRune(header, r) {
			return c, ErrCharacter
		}
	}
	pieces := strings.Split(header, ";")
	equals := strings.Index(pieces[0], "=")
	if equals < 0 {
		return c, ErrIgnored
	}
	c.Name, c.Value = strings.Trim(pieces[0][:equals], " "), strings.Trim(pieces[0][equals+1:], " ")
	if c.Name == "" {
		return Cookie{}, ErrName
	}
	hasAge := false
	for _, piece := range pieces[1:] {
		name, value, _ := strings.Cut(piece, "=")
		name, value = strings.ToLower(strings.Trim(name, " ")), strings.Trim(value, " ")
		for _, layout := range dates {
			if at, err := time.Parse(layout, value); name == "expires" && err == nil && !hasAge {
				c.Expires = at
			}
		}
		// A number that is too large is ignored.
		if age, err := strconv.Atoi(value); name == "max-age" && err == nil && value[0] != '+' {
			hasAge = true
			c.Expires = now.Add(time.Duration(min(max(age, 0), 400*24*3600)) * time.Second)
		}
	}
	return c, nil
}
