package devphone_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"smsession/internal/devphone"
	"smsession/internal/fleet"
)

// manual returns the section of the manual about the API.
func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../cmd/smsession/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### The API of the page\n")
	section, _, found := strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("the manual has no section about the API")
	}
	return section
}

// TestManualExample runs the example of the manual. A service that counts wrongly must make it fail.
func TestManualExample(t *testing.T) {
	_, script, _ := strings.Cut(manual(t), "```sh\n")
	script, _, _ = strings.Cut(script, "```")
	run := func(s *service) (string, error) {
		command := exec.Command("sh", "-c", script)
		command.Env = append(command.Environ(), "URL="+s.url, "NO_PROXY=*")
		printed, err := command.CombinedOutput()
		return string(printed), err
	}
	s := newService(t)
	if printed, err := run(s); err != nil || printed != "The conversation is right.\n" {
		t.Errorf("the example prints %q, %v", printed, err)
	}
	sender := s.sender("+12025550188")
	s.send(sender, "/sms", sender.Form("SM0123456789abcdef0123456789abcdef", "an earlier message"), 200)
	s.post("/dev/close", `{"phone":"+12025550188"}`, nil)
	if printed, err := run(s); err == nil {
		t.Errorf("with a session from before, the example prints %q", printed)
	}
}

// TestManualNamesRoutes compares the table of the manual with the routes.
func TestManualNamesRoutes(t *testing.T) {
	s := newService(t)
	o := s.options(nil)
	withApp("http://127.0.0.1:1/sms")(&o)
	o.Fleet = fleet.New(2)
	page, err := devphone.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := chi.NewRouter()
	page.Routes(r)
	var got []string
	for _, route := range r.Routes() {
		for method := range route.Handlers {
			if method != "HEAD" && strings.HasPrefix(route.Pattern, "/dev/") && !strings.Contains(route.Pattern, ".") {
				got = append(got, method+" "+route.Pattern)
			}
		}
	}
	var want []string
	for _, match := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /dev/[a-z]+)` ").FindAllStringSubmatch(manual(t), -1) {
		want = append(want, match[1])
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the routes are\n%s\nthe manual has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, match := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(manual(t), -1) {
		body := fmt.Sprintf(`{"phone":"1","kind":%q,"body":"hello","hours":1}`, match[1])
		if status := s.post("/dev/act", body, nil); status != 200 {
			t.Errorf("the kind %s is answered %d", match[1], status)
		}
	}
}
