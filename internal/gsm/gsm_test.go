package gsm

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"
)

// The texts and the numbers come from Twilio's calculator, github.com/TwilioDevEd/message-segment-calculator
// (tests/index.test.js and tests/segments.test.js), and from 3GPP TS 23.038.
func TestSplit(t *testing.T) {
	for _, row := range []struct {
		name     string
		text     string
		encoding Encoding
		count    int
	}{
		{"an empty text takes one segment", "", GSM7, 1},
		{"160 characters of GSM-7 take one segment", digits(160), GSM7, 1},
		{"161 characters of GSM-7 take two segments", digits(161), GSM7, 2},
		{"306 characters of GSM-7 take two segments", digits(306), GSM7, 2},
		{"307 characters of GSM-7 take three segments", digits(307), GSM7, 3},
		{"70 units of UCS-2 take one segment", "😜" + digits(68), UCS2, 1},
		{"71 units of UCS-2 take two segments", "😜" + digits(69), UCS2, 2},
		{"134 units of UCS-2 take two segments", "😜" + digits(132), UCS2, 2},
		{"135 units of UCS-2 take three segments", "😜" + digits(133), UCS2, 3},
		{"a flag takes four units, so 66 others fit beside it", "🇮🇹" + digits(66), UCS2, 1},
		{"a flag and 67 other units take two segments", "🇮🇹" + digits(67), UCS2, 2},
		{"an emoji of several characters takes the units of all of them", "🏳️🌈" + digits(65), UCS2, 1},
		{"an emoji of several characters and one unit too many take two segments", "🏳️🌈" + digits(66), UCS2, 2},
		{"70 characters outside GSM-7 take one segment", strings.Repeat("ú", 70), UCS2, 1},
		{"71 characters outside GSM-7 take two segments", strings.Repeat("ç", 71), UCS2, 2},
		{"an escaped character of GSM-7 takes one unit of UCS-2", "😀" + strings.Repeat("]", 68), UCS2, 1},
		{"69 escaped characters of GSM-7 and an emoji take two segments", "😀" + strings.Repeat("]", 69), UCS2, 2},
		{"one curly quote puts the text into UCS-2", "it’s " + digits(66), UCS2, 2},
		{"one straight quote does not put the text into UCS-2", "it's " + digits(155), GSM7, 1},
		{"each combining accent takes a unit", "é́́" + strings.Repeat("a", 66), UCS2, 1},
		{"a Windows line break takes two characters of GSM-7", strings.Repeat("\r\n", 80), GSM7, 1},
		{"bytes that are not UTF-8 are not GSM-7", "\xff", UCS2, 1},
		{"the backtick is not GSM-7", "`", UCS2, 1},
		{"the capital C with a cedilla is GSM-7", "Ç", GSM7, 1},
		{"80 euro signs of GSM-7 take one segment", strings.Repeat("€", 80), GSM7, 1},
		{"81 euro signs of GSM-7 take two segments", strings.Repeat("€", 81), GSM7, 2},
		// TS 23.040 9.2.3.24.1: an escaped character or a surrogate pair is not split between two messages.
		{"an escaped character is not cut in two", digits(152) + "€" + digits(152), GSM7, 3},
		{"an escaped character that ends with a segment is not moved", digits(151) + "€" + digits(153), GSM7, 2},
		{"a surrogate pair that ends with a segment is not moved", strings.Repeat("ú", 65) + "😀" + strings.Repeat("ú", 67), UCS2, 2},
		{"a surrogate pair is not cut in two", strings.Repeat("ú", 66) + "😀" + strings.Repeat("ú", 66), UCS2, 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, want := Split(row.text), (Segments{row.encoding, row.count}); got != want {
				t.Errorf("Split returns %+v, want %+v", got, want)
			}
		})
	}
}

func digits(n int) string { return strings.Repeat("1234567890", n/10+1)[:n] }

// The tables of 3GPP TS 23.038 6.2.1, with the code points of Unicode
// (https://www.unicode.org/Public/MAPPINGS/ETSI/GSM0338.TXT).
func TestSeptets(t *testing.T) {
	extension := map[rune]bool{0x0C: true, 0x5B: true, 0x5C: true, 0x5D: true, 0x5E: true, 0x7B: true, 0x7C: true, 0x7D: true, 0x7E: true, 0x20AC: true}
	basic := map[rune]bool{0x0A: true, 0x0D: true, 0x5F: true, 0x40: true}
	for _, r := range []rune{0xA3, 0xA5, 0xE8, 0xE9, 0xF9, 0xEC, 0xF2, 0xC7, 0xD8, 0xF8, 0xC5, 0xE5, 0x394, 0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0,
		0x3A8, 0x3A3, 0x398, 0x39E, 0xC6, 0xE6, 0xDF, 0xC9, 0xA4, 0xA1, 0xC4, 0xD6, 0xD1, 0xDC, 0xA7, 0xBF, 0xE4, 0xF6, 0xF1, 0xFC, 0xE0} {
		basic[r] = true
	}
	for r := rune(0); r <= 0x10FFFF; r++ {
		want := 0
		switch {
		case 0x20 <= r && r <= 0x3F, 0x41 <= r && r <= 0x5A, 0x61 <= r && r <= 0x7A, basic[r]:
			want = 1
		case extension[r]:
			want = 2
		}
		if got := septets(r); got != want {
			t.Errorf("%U takes %d septets, want %d", r, got, want)
		}
	}
}

// Other tools count segments with these formulas. For each text, the formula must give a wrong count.
func TestNaiveCounts(t *testing.T) {
	for _, row := range []struct {
		name  string
		naive func(string) int
		text  string
	}{
		{"a 160th of the length", func(s string) int { return (len(s) + 159) / 160 }, digits(307)},
		{"a 153rd of the bytes", func(s string) int { return (len(s) + 152) / 153 }, strings.Repeat("ú", 71)},
		{"a 70th of the characters", func(s string) int { return (len([]rune(s)) + 69) / 70 }, "😜" + digits(69)},
		{"a 67th of the units", func(s string) int { return (len(utf16.Encode([]rune(s))) + 66) / 67 }, "😜" + digits(68)},
		{"escapes as one septet", func(s string) int { return (len([]rune(s)) + 152) / 153 }, digits(152) + "€" + digits(152)},
	} {
		if got, want := row.naive(row.text), Split(row.text).Count; got == want {
			t.Errorf("%s gives the right number, %d", row.name, got)
		}
	}
}

// One more character never reduces the number of segments. If the character changes the encoding, the text takes at
// most three times as many segments.
func TestGrowth(t *testing.T) {
	alphabet := []rune("aZ9 €[]~é\n👍ú’")
	for range 200 {
		var text strings.Builder
		before := 1
		for range rand.IntN(400) {
			text.WriteRune(alphabet[rand.IntN(len(alphabet))])
			got := Split(text.String()).Count
			if got < before || got > before*3 {
				t.Fatalf("%q takes %d segments, and %d without its last character", text.String(), got, before)
			}
			before = got
		}
	}
}

func BenchmarkSplit(b *testing.B) {
	for b.Loop() {
		if Split("Hello, thanks for message number 2").Count != 1 {
			b.Fatal("no segment")
		}
	}
}
