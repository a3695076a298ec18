package twilio_test

import (
	"bytes"
	"strings"
	"testing"

	"smsession/internal/twilio"
)

func TestParseForm(t *testing.T) {
	for _, row := range []struct{ name, body, param, want string }{
		{"a plus sign is a space", "Body=Test+message", "Body", "Test message"},
		{"an escaped plus sign is a plus sign", "From=%2B18103330792", "From", "+18103330792"},
		{"the digits of an escape may be in either case", "a=%c3%B1", "a", "ñ"},
		{"names are decoded, too", "%4Dedia%5fUrl0=1", "Media_Url0", "1"},
		{"a name has letters, digits, dots, hyphens and underscores", "azAZ09_.-=1", "azAZ09_.-", "1"},
		{"a semicolon is an ordinary byte", "a=1;b=2", "a", "1;b=2"},
		{"the value begins at the first equals sign", "a=b=c", "a", "b=c"},
		{"a name without an equals sign has no value", "a&b=2", "a", ""},
		{"an escaped ampersand does not separate", "a=1%262", "a", "1&2"},
		{"empty pieces are skipped", "&&a=1&&b=2&", "b", "2"},
		{"bytes that are not UTF-8 are kept", "a=\xff%FE", "a", "\xff\xfe"},
		{"a zero byte is kept", "a=x%00y", "a", "x\x00y"},
		{"white space is kept", "a=+b%0A", "a", " b\n"},
		{"the first of several values in sorted order is read", "a=2&a=1&a=3", "a", "1"},
		{"an empty value sorts before the others", "a=2&a=", "a", ""},
		{"names are case-sensitive", "from=1&From=2", "From", "2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			form := parse(t, row.body)
			if got := form.Get(row.param); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
			if !form.Has(row.param) {
				t.Error("the parameter is absent")
			}
		})
	}
}

func TestFormHas(t *testing.T) {
	for _, body := range []string{"", "&", "b=1", "A=1", "aa=1&b=2"} {
		if form := parse(t, body); form.Has("a") || form.Get("a") != "" {
			t.Errorf("%q has a parameter a", body)
		}
	}
	if form := parse(t, "&&"); form.Has("") {
		t.Error("the empty text between two ampersands is a parameter")
	}
}

func TestBrokenEscapes(t *testing.T) {
	for _, body := range []string{"a=%", "a=%4", "a=%4&b=1", "a=%zz", "a=%4z", "a=%z4", "a=%%41", "%=1", "a=1&%2"} {
		form, err := twilio.ParseForm([]byte(body))
		if err == nil {
			t.Errorf("%q is accepted", body)
		}
		if form.Has("a") {
			t.Errorf("%q is accepted in part", body)
		}
	}
}

func TestNamesThatTwilioDoesNotUse(t *testing.T) {
	for _, name := range []string{"", "%00", "+", "a+b", "a%20b", "a%3Db", "a%26b", "a%2Bb", "a[0]", "%C3%B1", "\xff",
		"a/b", "a:b", "a%0A", "%7F"} {
		for _, body := range []string{name + "=x", "a=1&" + name + "=x&b=2", name + "=" + strings.Repeat("x", 100)} {
			if form, err := twilio.ParseForm([]byte(body)); err == nil || form.Has("a") {
				t.Errorf("%q is accepted, error %v", body, err)
			}
		}
	}
}

func TestMaxParams(t *testing.T) {
	body := func(n int) []byte { return []byte(strings.TrimSuffix(strings.Repeat("a=1&", n-1)+"b=2", "&")) }
	if form, err := twilio.ParseForm(body(256)); err != nil || form.Get("b") != "2" {
		t.Errorf("256 parameters are refused: %v", err)
	}
	if _, err := twilio.ParseForm(body(257)); err == nil {
		t.Error("257 parameters are accepted")
	}
}

// Anyone can send a body that consists of very many parameters. It must not make the parser allocate memory.
func TestTooManyParamsAllocateNothing(t *testing.T) {
	body := bytes.Repeat([]byte("a&"), 32<<10)
	if n := testing.AllocsPerRun(10, func() { _, _ = twilio.ParseForm(body) }); n != 0 {
		t.Errorf("%v allocations for 64 KiB of parameters, want none", n)
	}
}

func TestParseFormCopiesTheBody(t *testing.T) {
	body := []byte("Body=Hello")
	form, err := twilio.ParseForm(body)
	if err != nil {
		t.Fatal(err)
	}
	copy(body, "XXXXXXXXXX")
	if got := form.Get("Body"); got != "Hello" {
		t.Errorf("the form changed to %q when the body changed", got)
	}
}
