package load

import (
	"testing"

	"smsession/internal/phone"
)

// expects returns the expectation of a name or of a regular expression.
func expects(text string) Expectation {
	e, err := ParseExpectation(text)
	if err != nil {
		panic(err)
	}
	return e
}

func TestTheTutorialsCount(t *testing.T) {
	rows := []struct {
		name    string
		replies []string
		want    int32
	}{
		{"the first message", []string{"Hello, thanks for the new message."}, 1},
		{"the second message", []string{"Hello, thanks for message number 2"}, 2},
		{"a later message", []string{"Hello, thanks for message number 1047"}, 1047},
		{"no reply", nil, 0},
		{"two replies", []string{"Hello, thanks for message number 2", "Hello, thanks for message number 3"}, 0},
		{"another text", []string{"Sorry, please try again."}, 0},
		{"a later message with the number 1", []string{"Hello, thanks for message number 1"}, 0},
		{"the number 0", []string{"Hello, thanks for message number 0"}, 0},
		{"a negative number", []string{"Hello, thanks for message number -2"}, 0},
		{"a number with a sign", []string{"Hello, thanks for message number +2"}, 0},
		{"a number with leading zeros", []string{"Hello, thanks for message number 02"}, 0},
		{"no number", []string{"Hello, thanks for message number "}, 0},
		{"words after the number", []string{"Hello, thanks for message number 2!"}, 0},
		{"a space before the text", []string{" Hello, thanks for message number 2"}, 0},
		{"a number that is too large", []string{"Hello, thanks for message number 99999999999"}, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var replies []phone.Reply
			for _, body := range row.replies {
				replies = append(replies, phone.Reply{Body: body})
			}
			if got := expects(ExpectCount).count(replies); got != row.want {
				t.Errorf("%d, not %d", got, row.want)
			}
		})
	}
}

func TestCountOfAnotherText(t *testing.T) {
	rows := []struct {
		name, pattern string
		replies       []string
		want          int32
	}{
		{"the group finds the count", `number (\d+)`, []string{"This is number 12."}, 12},
		{"another text has no count", `number (\d+)`, []string{"Welcome!"}, 0},
		{"a match without the group is the first message", `^Welcome!$|number (\d+)`, []string{"Welcome!"}, 1},
		{"the count may be in the second reply", `number (\d+)`, []string{"Thanks.", "This is number 3."}, 3},
		{"a pattern may refuse a second reply", `^number (\d+)$`, []string{"number 3", "number 4"}, 0},
		{"0 is no count", `number (\d+)`, []string{"number 0"}, 0},
		{"a negative number is no count", `number (-?\d+)`, []string{"number -1"}, 0},
		{"a word is no count", `number (\w+)`, []string{"number one"}, 0},
		{"nothing is expected", "none", []string{"Hello, thanks for message number 2"}, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var replies []phone.Reply
			for _, body := range row.replies {
				replies = append(replies, phone.Reply{Body: body})
			}
			if got := expects(row.pattern).count(replies); got != row.want {
				t.Errorf("%d, not %d", got, row.want)
			}
		})
	}
}

func TestParseExpectation(t *testing.T) {
	for _, text := range []string{"", "counter", `number \d+`, `number (\d+`, `(\d+) of (\d+)`} {
		if _, err := ParseExpectation(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
