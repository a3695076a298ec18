package texting_test

import (
	"slices"
	"strings"
	"testing"

	"smsession/internal/texting"
)

func TestFollow(t *testing.T) {
	for _, row := range []struct {
		hosts, server string
		want          bool
	}{
		{"other.example", "https://other.example", true},
		{"other.example", "https://OTHER.example.:8443", true},
		{"other.example:8443", "https://other.example:8443", true},
		{"other.example:443", "https://other.example", true},
		{"other.example:80", "http://other.example", true},
		{"a.example,other.example", "http://other.example", true},
		{"", "https://other.example", false},
		{"other.example:8443", "https://other.example", false},
		{"other.example:80", "https://other.example", false},
		{"example", "https://other.example", false},
		{"other.example", "https://other.example.evil.example", false},
		{"other.example", "https://other.example:bad", false},
	} {
		f, err := texting.NewFollower(strings.FieldsFunc(row.hosts, func(r rune) bool { return r == ',' }), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Follow(row.server); got != row.want {
			t.Errorf("with %q, Follow(%q) is %v", row.hosts, row.server, got)
		}
	}
}

// The other side chooses the names of servers. A name can contain letters of other scripts and control characters.
func TestFollowAsksOnceAboutEachServer(t *testing.T) {
	var questions []string
	f, err := texting.NewFollower([]string{"known.example"}, func(question string) bool {
		questions = append(questions, question)
		return strings.Contains(question, "good")
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if !f.Follow("https://known.example") || !f.Follow("https://good.example") ||
			f.Follow("https://b\u0430d.example\x1b") || f.Follow("https://b\u0430d.example") {
			t.Error("an answer is not respected")
		}
	}
	want := []string{
		`the webhook leads to another server, "https://good.example"; send it a signature and the cookies?`,
		`the webhook leads to another server, "https://b\u0430d.example"; send it a signature and the cookies?`,
	}
	if !slices.Equal(questions, want) {
		t.Errorf("it asks %q", questions)
	}
}

func TestFollowerRefusesInvalidHosts(t *testing.T) {
	for _, host := range []string{"", "http://other.example", "other.example/path", "S3cr3t@other.example",
		"other.example:port", "a b"} {
		if _, err := texting.NewFollower([]string{host}, nil); err == nil || strings.Contains(err.Error(), "S3cr3t") {
			t.Errorf("%q: %v", host, err)
		}
	}
}
