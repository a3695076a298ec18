package record

import (
	"strings"
	"testing"
)

// The front decides whether a record has changed. It must contain the revision, or the whole record.
func TestFront(t *testing.T) {
	const revised = `{"revision":"9hR2-x_04bA"`
	for _, row := range []struct{ name, text, want string }{
		{"a record begins with its revision", whole, revised},
		{"a longer revision of an operator is read whole", strings.Replace(whole, "_04bA", "_04bA0000", 1),
			`{"revision":"9hR2-x_04bA0000"`},
		{"a record without a revision is its own front", strings.Replace(whole, `"revision":"9hR2-x_04bA",`, "", 1), ""},
		{"a record with white space is its own front", strings.Replace(whole, "{", "{ ", 1), ""},
		{"a record whose revision is not its first field is its own front",
			strings.Replace(whole, "{", `{"first":1,`, 1), ""},
		{"a record whose revision is short is its own front", strings.Replace(whole, "9hR2-x_04bA", "9hR2-x_04b", 1), ""},
		{"a record whose revision is not a text is its own front", strings.Replace(whole, `"9hR2-x_04bA"`, "7", 1), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := Parse([]byte(row.text))
			if err != nil {
				t.Fatal(err)
			}
			want := row.want
			if want == "" {
				want = row.text
			}
			if got := string(r.Front()); got != want {
				t.Errorf("the front is %s, want %s", got, want)
			}
		})
	}
	t.Run("a record that was never encoded has no front", func(t *testing.T) {
		if got := New(to, from).Front(); len(got) > 0 {
			t.Errorf("the front is %s", got)
		}
	})
}
