package systemtest

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// imports returns the packages of ours that each package imports, without the tests and their kits, and without the
// examples. The names are those of the folders below internal; the command is cmd/smsession.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "../../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(strings.ReplaceAll(string(out), "smsession/internal/", "")) {
		words := strings.Fields(strings.ReplaceAll(line, "smsession/cmd/", "cmd/"))
		folder, _, _ := strings.Cut(words[0], "/")
		if strings.HasSuffix(folder, "test") || words[0] == examplesPackage {
			continue
		}
		all[words[0]] = slices.DeleteFunc(words[1:], func(name string) bool {
			return !exists("internal/" + name)
		})
	}
	return all
}

// TestDocumentPackages compares the packages and the imports with the description of the packages.
func TestDocumentPackages(t *testing.T) {
	_, section, _ := strings.Cut(shipped(t, "internal/README.md"), "\n## Packages\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, picture, _ := strings.Cut(section, "```\n")
	picture, text, _ := strings.Cut(picture, "```\n")
	leftOut := found(t, found(t, text, `The picture leaves out ((?s).*?),? which`)[0], "`(.*?)`")
	drawn, actual := drawnArrows(picture), imports(t)

	for from, targets := range drawn {
		for _, to := range targets {
			if !slices.Contains(actual[from], to) {
				t.Errorf("the picture has an arrow from %q to %q, but there is no such import", from, to)
			}
		}
	}
	for from, targets := range actual {
		if !strings.Contains(text, "`"+from+"`") {
			t.Errorf("the table has no row for %s", from)
		}
		for _, to := range targets {
			if !slices.Contains(leftOut, from) && !slices.Contains(leftOut, to) && !reaches(drawn, from, to) {
				t.Errorf("%s imports %s, but no arrow of the picture leads there", from, to)
			}
		}
	}
}

// drawnArrows returns the arrows of a picture, by the package where they begin. Packages between commas share their
// arrows. A line that begins with a branch continues at the packages above the branch. A label after a branch, such as
// the name of a command, is not a package.
func drawnArrows(picture string) map[string][]string {
	arrows := map[string][]string{}
	group := regexp.MustCompile(`[a-z][\w/]*(?:, [a-z][\w/]*)*`)
	label := regexp.MustCompile(`[├└]─ [^─▶]+ [─▶]`)
	above := map[int]string{} // the group that was drawn last in each column
	for line := range strings.Lines(picture) {
		line = label.ReplaceAllStringFunc(line, func(s string) string { return strings.Repeat("─", len([]rune(s))) })
		var from string
		for column, r := range []rune(line) {
			if r == '├' || r == '└' || r == '─' && from == "" {
				from = above[column]
				break
			}
		}
		for _, at := range group.FindAllStringIndex(line, -1) {
			to, column := line[at[0]:at[1]], len([]rune(line[:at[0]]))
			for _, one := range strings.Split(from, ", ") {
				if from != "" {
					arrows[one] = append(arrows[one], strings.Split(to, ", ")...)
				}
			}
			for i := range to {
				above[column+i] = to
			}
			from = to
		}
	}
	return arrows
}

// reaches reports whether arrows lead from one package to another.
func reaches(arrows map[string][]string, from, to string) bool {
	return slices.ContainsFunc(arrows[from], func(next string) bool { return next == to || reaches(arrows, next, to) })
}
