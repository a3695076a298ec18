package app

import (
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"smsession/internal/cookies"
)

// drawCookies draws cookies that a jar can have.
func drawCookies(t *rapid.T) (list cookies.List) {
	text := rapid.OneOf(rapid.StringMatching(`[ -~]*`), rapid.String())
	for range rapid.IntRange(1, 4).Draw(t, "cookies") {
		c := cookies.Cookie{Name: text.Draw(t, "name"), Value: text.Draw(t, "value")}
		if rapid.Bool().Draw(t, "expires") {
			c.Expires = time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "at"), 0).UTC()
		}
		list = append(list, c)
	}
	return list
}

// The expected values come from jsonv2.
func TestStoredForm(t *testing.T) {
	t.Run("the bytes are those of jsonv2", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			list := drawCookies(t)
			want, err := jsonv2.Marshal(stored{list})
			if err != nil {
				t.Fatal(err)
			}
			if got := appendCookies(nil, list); string(got) != string(want) {
				t.Errorf("%+v is written as\n%s, want\n%s", list, got, want)
			}
		})
	})
	t.Run("a text is read as jsonv2 reads it", func(t *testing.T) {
		const part = `"name":"a"|"value":"b"|"value":"|\{|\}|\]|\[|"|,|\\|\\"|é|"expires":"2026-11-28T20:55:15Z"|` +
			`"expires":"2026-11-28T20:55:15.5\+01:00"|"expires":"24:00"|"x":1|\{"cookies":\[\{"name":"|"\}\]\}|"\},\{"name":"`
		text := rapid.OneOf(
			rapid.StringMatching(`\{"cookies":\[\{"name":"(`+part+`|","value":"|","expires":"){0,8}"\}\]\}`),
			rapid.Custom(func(t *rapid.T) string { return string(appendCookies(nil, drawCookies(t))) }))
		rapid.Check(t, func(t *rapid.T) {
			text := text.Draw(t, "text")
			got := readPlain(text)
			if got == nil {
				return
			}
			var want stored
			if err := jsonv2.Unmarshal([]byte(text), &want); err != nil {
				t.Fatalf("jsonv2 refuses %s: %v", text, err)
			}
			if gotJSON, wantJSON := encoded(t, got), encoded(t, want.Cookies); gotJSON != wantJSON {
				t.Errorf("%s is read as\n%s, want\n%s", text, gotJSON, wantJSON)
			}
		})
	})
	t.Run("the usual cookies need no jsonv2", func(t *testing.T) {
		const usual = `{"cookies":[{"name":"session","value":"eyJzdGVwIjozfQ.Z0f1tw.m2Yd3"},` +
			`{"name":"a","value":"","expires":"2026-12-29T04:05:06Z"}]}`
		if len(readPlain(usual)) != 2 {
			t.Errorf("jsonv2 would read %s", usual)
		}
	})
}

func encoded(t *rapid.T, list cookies.List) string {
	b, err := jsonv2.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
