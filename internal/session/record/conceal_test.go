package record_test

import (
	"errors"
	"testing"

	"smsession/internal/session/record"
)

func TestConceal(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"the data of the app and the replies are left out", `{"version":1,"app":{"data":{"a":"}"}},"messages":"M=1+","replies":{"M":["x"]},"new":[1]}`, `{"version":1,"messages":"M=1+","new":[1]}`},
		{"the first and the last field may be left out", `{"app":1,"version":1,"replies":{}}`, `{"version":1}`},
		{"a field is left out each time that it occurs", `{"app":1,"version":1,"app":2}`, `{"version":1}`},
		{"everything may be left out", `{"app":{"app":1}}`, `{}`},
		{"fields within other fields stay", `{"new":{"app":1,"replies":2},"app":{"x":{"version":2}}}`, `{"new":{"app":1,"replies":2}}`},
		{"a record without them stays unchanged", ` { "version" : 99 } `, ` { "version" : 99 } `},
		{"an empty object stays unchanged", `{}`, `{}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, err := record.Conceal([]byte(row.text)); err != nil || string(got) != row.want {
				t.Errorf("got %s, %v, want %s", got, err, row.want)
			}
		})
	}
	for _, text := range []string{"", "x", `["app"]`, `{"app":1`, `{"version":1}{"app":1}`} {
		if got, err := record.Conceal([]byte(text)); !errors.Is(err, record.ErrForeign) || got != nil {
			t.Errorf("%q: got %s, %v, want ErrForeign", text, got, err)
		}
	}
}
