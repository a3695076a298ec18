package app

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

func TestSplit(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, row := range []struct {
		name, text string
		want       []string
	}{
		{"a short text is kept", " Hello  world\n", []string{" Hello  world\n"}},
		{"an empty text is one part", "", []string{""}},
		{"a blank text is an empty part", strings.Repeat(" \n", 1000), []string{""}},
		{"1,600 units are one part", x(1600), []string{x(1600)}},
		{"a word of 1,601 units is cut", x(1601), []string{x(1600), "x"}},
		{"a text is split at the last space", x(1000) + " " + x(500) + " " + x(200), []string{x(1000) + " " + x(500), x(200)}},
		{"a word that ends at the limit stays", x(1000) + " " + x(599) + " b", []string{x(1000) + " " + x(599), "b"}},
		{"a line feed is a space", x(1599) + "\n" + x(5), []string{x(1599), x(5)}},
		{"many spaces are dropped", x(10) + strings.Repeat(" ", 5000) + "b", []string{x(10), "b"}},
		{"spaces at the end make no part", x(1600) + strings.Repeat(" ", 5000), []string{x(1600)}},
		{"an emoji counts as two units", strings.Repeat("😀", 801), []string{strings.Repeat("😀", 800), "😀"}},
		{"an emoji is not cut", x(1599) + "😀", []string{x(1599), "😀"}},
		{"a letter outside ASCII counts as one", strings.Repeat("語", 1600), []string{strings.Repeat("語", 1600)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := split(row.text); !slices.Equal(got, row.want) {
				t.Errorf("the parts are %q", got)
			}
		})
	}
}

// FuzzSplit checks that no part is too long or empty, and that no word is lost or changed.
func FuzzSplit(f *testing.F) {
	f.Add("a b", 800)
	f.Add("😀", 900)
	f.Add(" \u2003x", 700)
	f.Add(" ", 2000)
	f.Fuzz(func(t *testing.T, text string, times int) {
		text = strings.Repeat(strings.ToValidUTF8(text, ""), max(times%4000, 1))
		parts := split(text)
		withoutSpace := func(text string) string {
			return strings.Map(func(r rune) rune {
				if unicode.IsSpace(r) {
					return -1
				}
				return r
			}, text)
		}
		if got := strings.Join(parts, ""); withoutSpace(got) != withoutSpace(text) {
			t.Fatal("a word is lost or changed")
		}
		if len(parts) == 0 {
			t.Fatal("there is no part for the media")
		}
		for _, part := range parts {
			if !utf8.ValidString(part) || len(utf16.Encode([]rune(part))) > 1600 {
				t.Fatalf("the part %q is too long or cuts a character", part)
			}
			if len(parts) > 1 && (part == "" || strings.TrimSpace(part) != part) {
				t.Fatalf("the part %q has white space around it", part)
			}
		}
	})
}
