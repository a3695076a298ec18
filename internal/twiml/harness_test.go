package twiml

import (
	"slices"
	"strings"
	"testing"
)

// want is the expected document of a table row.
type want struct {
	verbs    []string // as verbText writes them
	errors   []int
	warnings []int // 0 for a warning without a number
	failed   bool
}

func (w want) check(t *testing.T, got Document) {
	t.Helper()
	var verbs []string
	for _, v := range got.Verbs {
		verbs = append(verbs, verbText(v))
	}
	if !slices.Equal(verbs, w.verbs) {
		t.Errorf("verbs %q, want %q", verbs, w.verbs)
	}
	if errors := numbers(got, false); !slices.Equal(errors, w.errors) {
		t.Errorf("errors %v, want %v: %v", errors, w.errors, got.Findings)
	}
	if warnings := numbers(got, true); !slices.Equal(warnings, w.warnings) {
		t.Errorf("warnings %v, want %v: %v", warnings, w.warnings, got.Findings)
	}
	if failed := got.Failure != nil; failed != w.failed || failed && !slices.Contains(got.Findings, *got.Failure) {
		t.Errorf("the failure is %v, want %t", got.Failure, w.failed)
	}
	for _, f := range got.Findings {
		if !strings.HasSuffix(f.Detail, ".") || strings.ToUpper(f.Detail[:1]) != f.Detail[:1] {
			t.Errorf("the detail is not a sentence: %q", f.Detail)
		}
	}
}

func numbers(d Document, warnings bool) []int {
	var all []int
	for _, f := range d.Findings {
		if f.Warning == warnings {
			all = append(all, f.Code)
		}
	}
	return all
}

// verbText formats a verb: the text of a message, or the URL of a redirect, and then its other fields in brackets.
func verbText(v Verb) string {
	text := v.Body
	if v.IsRedirect {
		text = "redirect " + v.URL
	}
	for _, part := range []struct{ name, value string }{
		{"to", v.To}, {"from", v.From}, {"media", strings.Join(v.Media, " ")}, {"action", v.Action}, {"method", v.Method},
	} {
		if part.value != "" {
			text += "[" + part.name + " " + part.value + "]"
		}
	}
	return text
}

const hello = `<?xml version="1.0" encoding="UTF-8"?><Response><Message>Hello</Message></Response>`

// response returns a document with the given verbs.
func response(verbs string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?><Response>` + verbs + `</Response>`)
}
