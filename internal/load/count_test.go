package load

import (
	"testing"

	"smsession/internal/phone"
)

func TestCountOf(t *testing.T) {
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
			if got := countOf(replies); got != row.want {
				t.Errorf("%d, not %d", got, row.want)
			}
		})
	}
}
