package systemtest

import (
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestLineLength checks that the lines of the Go files have at most 120 columns. A tab has four. A line may be longer
// if it is harder to read when it is broken: a row of a table, which begins with a brace or a quotation mark; a flag
// with its tag; a string of 80 bytes or more; a URL of 70; a line that begins or ends within a raw string.
func TestLineLength(t *testing.T) {
	allowed := regexp.MustCompile("^\\s*[{\"`]" + "|`[^`]*\\w+:\"" + "|\"(?:\\\\.|[^\"\\\\]){78,}\"" +
		"|`[^`]{78,}`" + `|https?://\S{62}`)
	for _, name := range files(t) {
		if path.Ext(name) != ".go" {
			continue
		}
		number, raw := 0, false
		for line := range strings.Lines(shipped(t, name)) {
			number++
			touches := raw
			raw = raw != (strings.Count(line, "`")%2 == 1)
			columns := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) + 3*strings.Count(line, "\t")
			if columns > 120 && !touches && !raw && !allowed.MatchString(line) {
				t.Errorf("%s:%d has %d columns", name, number, columns)
			}
		}
	}
}

// TestLeakChecks checks that the tests of every package look for goroutines that were left behind.
func TestLeakChecks(t *testing.T) {
	checks := map[string]bool{}
	for _, name := range files(t) {
		if strings.HasSuffix(name, "_test.go") {
			folder := path.Dir(name)
			checks[folder] = checks[folder] || strings.Contains(shipped(t, name), "goleak.")
		}
	}
	for folder, isChecked := range checks {
		if !isChecked {
			t.Errorf("no test of %s uses goleak", folder)
		}
	}
}

// TestNamesOfTests checks that the name of a test has at most 34 characters. The names of subtests are sentences.
func TestNamesOfTests(t *testing.T) {
	long := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)`)
	for _, name := range files(t) {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, match := range long.FindAllStringSubmatch(shipped(t, name), -1) {
			if len(match[1]) > 34 {
				t.Errorf("%s: the name %s has %d characters", name, match[1], len(match[1]))
			}
		}
	}
}
