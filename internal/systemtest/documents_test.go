package systemtest

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents returns the documents of the repository: their texts by their paths.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, name := range []string{"README.md", "cmd/smsession/README.md", "internal/README.md", "deploy/README.md"} {
		texts[name] = shipped(t, name)
	}
	return texts
}

func exists(name string) bool {
	_, err := os.Stat(filepath.Join("../..", name))
	return err == nil
}

// TestDocumentLinks checks that the target of each relative link exists, and has the heading that the link names.
func TestDocumentLinks(t *testing.T) {
	notInAnchor := regexp.MustCompile(`[^\w\- ]`)
	for document, text := range documents(t) {
		for _, link := range found(t, text, `\]\(([^):]+)\)`) {
			file, anchor, hasAnchor := strings.Cut(link, "#")
			target := document
			if file != "" {
				target = path.Join(path.Dir(document), file)
			}
			if !exists(target) {
				t.Errorf("%s has a link to %s, which does not exist", document, link)
				continue
			}
			if !hasAnchor {
				continue
			}
			var anchors []string
			for _, heading := range found(t, shipped(t, target), `(?m)^#+ (.+)$`) {
				plain := notInAnchor.ReplaceAllString(strings.ToLower(heading), "")
				anchors = append(anchors, strings.ReplaceAll(plain, " ", "-"))
			}
			if !slices.Contains(anchors, anchor) {
				t.Errorf("%s has a link to %s, but there is no such heading", document, link)
			}
		}
	}
}

// TestDocumentPaths checks each path whose first folder exists, and each Go file.
func TestDocumentPaths(t *testing.T) {
	for document, text := range documents(t) {
		for _, name := range found(t, text, `(?:^|[\s`+"`"+`(])([a-z][\w@.-]*(?:/[\w@.-]*\w)+|\w+\.go)`) {
			first, _, _ := strings.Cut(name, "/")
			beside := path.Join(path.Dir(document), name)
			if name == "bin/smsession" || exists(name) || exists(beside) {
				continue
			}
			if strings.HasSuffix(name, ".go") || exists(first) || exists(path.Join(path.Dir(document), first)) {
				t.Errorf("%s names %s, which does not exist", document, name)
			}
		}
	}
}

// TestDocumentFunctions checks the functions and the types that the documents name: those of the files on the way of a
// message, those with a package, and every other word that is marked as code in the description of the packages.
func TestDocumentFunctions(t *testing.T) {
	source := map[string]string{} // the Go files of each folder
	for _, name := range files(t) {
		if strings.HasSuffix(name, ".go") {
			source[path.Dir(name)] += shipped(t, name)
		}
	}
	all := strings.Join(slices.Collect(maps.Values(source)), "")
	declares := func(source, name string) bool {
		return regexp.MustCompile(`(?m)^(?:func (?:\([^)]*\) )?|type |\t)` + name + `[\[( ]`).MatchString(source)
	}
	for document, text := range documents(t) {
		for _, match := range regexp.MustCompile("`(\\w+)\\.([A-Z]\\w+)`").FindAllStringSubmatch(text, -1) {
			if !declares(source["internal/"+match[1]], match[2]) {
				t.Errorf("%s names %s, which does not exist", document, match[0])
			}
		}
	}
	guide := shipped(t, "internal/README.md")
	for _, step := range regexp.MustCompile(`(?m)^ \d (\w+/\w+\.go) +(\w+)`).FindAllStringSubmatch(guide, -1) {
		if step[2] != "routes" && !declares(shipped(t, "internal/"+step[1]), step[2]) {
			t.Errorf("%s has no %s", step[1], step[2])
		}
	}
	notGo := []string{"make", "serve", "turns", "EVALSHA"}
	for _, word := range found(t, guide, "`(\\w+)`") {
		if !exists("internal/"+word) && !declares(all, word) && !slices.Contains(notGo, word) {
			t.Errorf("internal/README.md names %s, which does not exist", word)
		}
	}
}

// files returns the paths of the files of the repository. It leaves out the folder of the built program.
func files(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir("../..", func(name string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "bin"):
			return filepath.SkipDir
		case entry.Type().IsRegular():
			names = append(names, strings.TrimPrefix(filepath.ToSlash(name), "../../"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
