package inspect_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"smsession/internal/inspect"
)

func TestATextDoesNothingToATerminal(t *testing.T) {
	for text, want := range map[string]string{
		"+15551234567":                 "+15551234567",
		"+1555•••4567":                 "+1555•••4567",
		"naïve 名":                      "naïve 名",
		"\x1b[2J\x1b]0;title\a":        `\x1b[2J\x1b]0;title\a`,
		"a\r\nb\tc\x00d\x7f":           `a\r\nb\tc\x00d\x7f`,
		"\u009b31m":                    `\u009b31m`,
		"\u202eevil\u2066\u200f\ufeff": `\u202eevil\u2066\u200f\ufeff`,
		"\xff\xc3(":                    `\xff\xc3(`,
		"\U000e0041":                   `\U000e0041`,
	} {
		if got := inspect.Safe(text); got != want {
			t.Errorf("%q is shown as %s, want %s", text, got, want)
		}
	}
}

func harmless(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) })
}

func TestNoTextDoesAnythingToATerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		if got := inspect.Safe(text); !harmless(got) {
			t.Errorf("%q is shown as %q", text, got)
		}
		if got := string(inspect.SafeJSON([]byte(text))); !harmless(got) || !json.Valid([]byte(got)) {
			t.Errorf("%q is %q in JSON", text, got)
		}
	})
}

// Go's own encoder writes what is not ASCII as it is, so that there is something to escape.
func TestJSONMeansTheSameAfterwards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := map[string]any{rapid.String().Draw(t, "name"): []any{rapid.String().Draw(t, "text"), rapid.Float64().Draw(t, "number"), nil}}
		before, _ := json.MarshalIndent(value, "\t", " ")
		var want, got any
		_ = json.Unmarshal(before, &want)
		after := inspect.SafeJSON(before)
		if err := json.Unmarshal(after, &got); err != nil || !reflect.DeepEqual(got, want) || !harmless(string(after)) {
			t.Errorf("%s became %s, %v", before, after, err)
		}
	})
	if got := string(inspect.SafeJSON([]byte("{ \"a\" : \"\u202e\U000e0041\" }"))); got != `{"a":"\u202e\udb40\udc41"}` {
		t.Errorf("got %s", got)
	}
}

func TestTimesAreBrief(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59*time.Second + 999*time.Millisecond: "59s", time.Minute: "1m00s", 3599 * time.Second: "59m59s",
		4 * time.Hour: "4h00m", day - time.Second: "23h59m", day: "1d00h", 30*day - time.Minute: "29d23h", inspect.Forever: "for ever",
	} {
		if got := inspect.Brief(d); got != want {
			t.Errorf("%d is %s, want %s", d, got, want)
		}
	}
}

func TestNumbersAreMaskedUnlessTheOperatorHasTypedThem(t *testing.T) {
	typed := inspect.Names{Typed: []string{from, ""}}
	for address, want := range map[string]string{from: from, to: "+1500•••0006", "": "•••"} {
		if got := typed.Show(address); got != want && address != "" {
			t.Errorf("%s is shown as %s, want %s", address, got, want)
		}
	}
	if got := (inspect.Names{Reveal: true}).Show(to); got != to {
		t.Errorf("revealed, it is %s", got)
	}
}

func TestAListIsATable(t *testing.T) {
	now := time.Now()
	conversations := []inspect.Conversation{
		{To: to, From: from, Count: 7, Written: now.Add(-90 * time.Second), Began: now.Add(-time.Hour), Left: 3*time.Hour + 58*time.Minute + 31*time.Second},
		{To: "whatsapp:" + to, From: "whatsapp:+15551234567", Count: 1234567, Written: now.Add(-25 * time.Hour), Left: inspect.Forever},
		{To: to, From: "a long\x1b[2J name that is wider", Newer: true, Left: time.Second},
	}
	var out strings.Builder
	list := &inspect.List{Out: &out, Names: inspect.Names{Typed: []string{from}}}
	for i := range conversations {
		if err := list.Print(conversations[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	want := "" +
		"FROM                  TO                      COUNT     IDLE     LEFT\n" +
		"+12025550143          +1500•••0006                7    1m30s    3h58m\n" +
		"whatsapp:+1555•••4567 whatsapp:+1500•••0006 1234567    1d01h for ever\n" +
		`a lon•••ider          +1500•••0006                ?        ?       1s` + "\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestAListIsJSON(t *testing.T) {
	now := time.Now()
	var out strings.Builder
	list := &inspect.List{Out: &out, JSON: true}
	err := list.Print([]inspect.Conversation{
		{To: to, From: from, Count: 7, Written: now.Add(-90 * time.Second), Began: now.Add(-time.Hour), Left: time.Hour + time.Millisecond},
		{To: to, From: "\u202e", Newer: true, Left: inspect.Forever},
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	var first struct {
		From, To       string
		Count          int
		Idle           int `json:"idle_seconds"`
		Left           int `json:"left_seconds"`
		Began, Written time.Time
	}
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatal(err)
	}
	if first.From != "+1202•••0143" || first.To != "+1500•••0006" || first.Count != 7 || first.Idle != 90 || first.Left != 3600 || !first.Began.Equal(now.Add(-time.Hour)) {
		t.Errorf("got %s", lines[0])
	}
	if lines[1] != `{"from":"•••","to":"+1500•••0006"}` || lines[2] != "" || len(lines) != 3 {
		t.Errorf("got %q", lines[1:])
	}
}
