package cookies

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)

func TestParse(t *testing.T) {
	for _, row := range []struct{ name, header, cookie, value string }{
		{"the name ends at the first equals sign", "a=b=c", "a", "b=c"},
		{"quotes, spaces, commas and backslashes belong to the value", `session="{\"step\": 1,2}"`, "session", `"{\"step\": 1,2}"`},
		{"letters outside ASCII belong to the value", "a=ñ", "a", "ñ"},
		{"an empty value is a value", "a=", "a", ""},
		{"spaces around name and value are removed", " a = 1 ;Path=/", "a", "1"},
		{"the value ends at the first semicolon, even within quotes", `a="1;2"`, "a", `"1`},
		{"an attribute without a value is allowed", "a=1; Secure; HttpOnly", "a", "1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := Parse(row.header, nil, now)
			if err != nil || c.Name != row.cookie || c.Value != row.value {
				t.Errorf("Parse returns %q=%q, %v", c.Name, c.Value, err)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, row := range []struct {
		name, header string
		want         error
	}{
		{"a header without an equals sign is ignored", "secret", ErrIgnored},
		{"an equals sign in an attribute does not count", "secret; Path=/", ErrIgnored},
		{"an empty name is refused", "=secret", ErrName},
		{"a name of spaces is refused", "  =secret", ErrName},
		{"a tab is refused", "a=secret\t", ErrCharacter},
		{"a carriage return is refused", "a=secret\r", ErrCharacter},
		{"a line feed is refused", "a=secret\n", ErrCharacter},
		{"a vertical tab is refused", "a=secret\v", ErrCharacter},
		{"a form feed in an attribute is refused", "a=secret; Path=/\f", ErrCharacter},
	} {
		t.Run(row.name, func(t *testing.T) {
			if c, err := Parse(row.header, nil, now); !errors.Is(err, row.want) ||
				strings.Contains(err.Error(), "secret") {
				t.Errorf("Parse returns %+v, %v", c, err)
			}
		})
	}
}

func TestExpires(t *testing.T) {
	const day = 24 * time.Hour
	for _, row := range []struct {
		name, attributes string
		want             time.Duration // from now; 0 for no expiry
		deletes          bool
	}{
		{"a cookie without attributes has no expiry", "", 0, false},
		{"Max-Age sets the expiry", "; Max-Age=60", time.Minute, false},
		{"Expires sets the expiry", "; Expires=Sat, 28 Nov 2026 08:01:00 GMT", time.Minute, false},
		{"Expires may have dashes", "; expires=Sat, 28-Nov-2026 08:01:00 GMT", time.Minute, false},
		{"Expires may have an older date format", "; Expires=Saturday, 28-Nov-26 08:01:00 GMT", time.Minute, false},
		{"Max-Age counts if an Expires follows it", "; Max-Age=60; Expires=Sat, 28 Nov 2026 09:00:00 GMT", time.Minute, false},
		{"Max-Age counts if an Expires precedes it", "; Expires=Sat, 28 Nov 2026 09:00:00 GMT; Max-Age=60", time.Minute, false},
		{"the last Max-Age counts", "; Max-Age=60; Max-Age=120", 2 * time.Minute, false},
		{"a Max-Age of more than 400 days means 400 days", "; Max-Age=9223372036854775807", 400 * day, false},
		{"a Max-Age that is too large for a number is ignored", "; Max-Age=99999999999999999999", 0, false},
		{"a Max-Age that is not a number is ignored", "; Max-Age=1h", 0, false},
		{"an empty Max-Age is ignored", "; Max-Age=", 0, false},
		{"a Max-Age may begin with zeros", "; Max-Age=0060", time.Minute, false},
		{"a Max-Age with a plus sign is ignored", "; Max-Age=+60", 0, false},
		{"an attribute may have spaces around the equals sign", "; Max-Age = 60 ", time.Minute, false},
		{"an Expires that is not a date does not replace one", "; Expires=Sat, 28 Nov 2026 08:01:00 GMT; Expires=soon", time.Minute, false},
		{"an Expires that is not a date is ignored", "; Expires=soon", 0, false},
		{"names of attributes may have capitals and spaces before them", ";  MAX-AGE=60", time.Minute, false},
		{"Max-Age=0 deletes the cookie", "; Max-Age=0", 0, true},
		{"a negative Max-Age deletes the cookie", "; Max-Age=-1", 0, true},
		{"Max-Age = 0 with spaces deletes the cookie", "; Max-Age = 0", 0, true},
		{"an Expires in the past deletes the cookie", "; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := Parse("a=1"+row.attributes, nil, now)
			if err != nil || c.Deletes() != row.deletes {
				t.Fatalf("Parse returns %+v, %v; Deletes returns %t", c, err, c.Deletes())
			}
			want := now.Add(row.want)
			if row.want == 0 {
				want = time.Time{}
			}
			if !row.deletes && !c.Expires.Equal(want) {
				t.Errorf("the cookie expires at %s, want %s", c.Expires, want)
			}
		})
	}
}
