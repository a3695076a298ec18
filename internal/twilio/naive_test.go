package twilio_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// The validators below have mistakes that are common. Each must fail the vectors in its row. Otherwise the vectors
// could not detect the same mistake in Sign.
func TestNaiveValidators(t *testing.T) {
	for _, row := range []struct {
		name   string
		naive  naive
		caught []string
	}{
		{"it signs only the first value of a name", naive{pairs: firstValues}, []string{"11", "12"}},
		{"it signs repeated values more than once", naive{pairs: everyValue}, []string{"12"}},
		{"it leaves out empty values", naive{pairs: filledValues}, []string{"17"}},
		{"it keeps the order of the body", naive{sort: func([]string) {}}, []string{"1", "2", "18", "20"}},
		{"it ignores case when it sorts", naive{sort: sortFolded}, []string{"20"}},
		{"it signs encoded values", naive{pairs: encodedValues}, []string{"1", "16"}},
		{"it encodes the URL again", naive{url: encodeAgain}, []string{"19"}},
		{"it writes the host in lower case", naive{url: strings.ToLower}, []string{"C# 1", "C# 2", "C# 3"}},
		{"it always removes the port", naive{url: withoutPort}, []string{"5", "6", "7"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			fails := row.naive.failures(vectors(t))
			for _, number := range row.caught {
				if !slices.Contains(fails, number) {
					t.Errorf("it passes vector %s, and fails only %v", number, fails)
				}
			}
		})
	}
}

// A naive validator without a mistake passes all vectors. The others therefore fail because of their mistakes.
func TestNaiveValidatorWithoutMistake(t *testing.T) {
	if fails := (naive{}).failures(vectors(t)); len(fails) > 0 {
		t.Errorf("it fails vectors %v", fails)
	}
}

// naive is a validator with at most one mistake. A nil field is correct.
type naive struct {
	pairs func(body string) []string // each has a name, a zero byte and a value
	sort  func(pairs []string)
	url   func(string) string
}

func (n naive) failures(all []vector) []string {
	var fails []string
	for _, v := range all {
		if (n.sign(v) == v.Signature) == v.Refused {
			fails = append(fails, v.Number)
		}
	}
	return fails
}

func (n naive) sign(v vector) string {
	pairs, sorted, signed := uniqueValues, slices.Sort[[]string], v.Signed
	if n.pairs != nil {
		pairs = n.pairs
	}
	if n.sort != nil {
		sorted = n.sort
	}
	if n.url != nil {
		signed = n.url(signed)
	}
	parts := pairs(v.Body)
	sorted(parts)
	return macOf(vectorToken, signed+strings.ReplaceAll(strings.Join(parts, ""), "\x00", ""))
}

// macOf returns the signature of a text. It does not use the package under test.
func macOf(token, text string) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// everyValue separates name and value with a zero byte, so that the pairs are sorted by name first.
func everyValue(body string) []string {
	var pairs []string
	for piece := range strings.SplitSeq(body, "&") {
		name, value, _ := strings.Cut(piece, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		pairs = append(pairs, name+"\x00"+value)
	}
	return pairs
}

func uniqueValues(body string) []string {
	var unique []string
	for _, pair := range everyValue(body) {
		if !slices.Contains(unique, pair) {
			unique = append(unique, pair)
		}
	}
	return unique
}

func firstValues(body string) []string {
	var first []string
	for _, pair := range everyValue(body) {
		name, _, _ := strings.Cut(pair, "\x00")
		if !slices.ContainsFunc(first, func(p string) bool { return strings.HasPrefix(p, name+"\x00") }) {
			first = append(first, pair)
		}
	}
	return first
}

func filledValues(body string) []string {
	return slices.DeleteFunc(uniqueValues(body), func(pair string) bool { return strings.HasSuffix(pair, "\x00") })
}

func encodedValues(body string) []string {
	return strings.Split(strings.ReplaceAll(body, "=", "\x00"), "&")
}

func sortFolded(pairs []string) {
	slices.SortStableFunc(pairs, func(a, b string) int {
		return strings.Compare(strings.ToLower(a), strings.ToLower(b))
	})
}

func encodeAgain(signed string) string {
	u, err := url.Parse(signed)
	if err != nil {
		return ""
	}
	return u.String()
}

func withoutPort(signed string) string {
	u, err := url.Parse(signed)
	if err != nil {
		return ""
	}
	return strings.Replace(signed, u.Host, u.Hostname(), 1)
}
