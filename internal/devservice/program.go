package devservice

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Program returns the shortest word of a shell that runs this program from the current directory: its name if PATH
// leads to it, or else its relative or absolute path, in quotes if needed. It returns "smsession" if the system does
// not know the path of this program.
func Program() string {
	path, err := os.Executable()
	if err != nil {
		return "smsession"
	}
	name := filepath.Base(path)
	if found, err := exec.LookPath(name); err == nil && isSameFile(found, path) {
		return word(name)
	}
	// The system resolves ".." in the real directory, so PWD, which may contain symbolic links, must not be used.
	real, errPath := filepath.EvalSymlinks(path)
	dir, errDir := os.Getwd()
	if errDir == nil {
		dir, errDir = filepath.EvalSymlinks(dir)
	}
	if errPath != nil || errDir != nil {
		return word(path)
	}
	return word(shortest(real, dir))
}

// shortest returns the relative path of a program from dir if it is shorter than path, which is absolute, and path
// otherwise. A shell searches PATH for a name without a separator, so such a path gets one.
func shortest(path, dir string) string {
	relative, err := filepath.Rel(dir, path)
	if err == nil && !strings.ContainsRune(relative, filepath.Separator) {
		relative = "." + string(filepath.Separator) + relative
	}
	if err != nil || len(relative) >= len(path) {
		return path
	}
	return relative
}

func isSameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// word returns text as one word of a POSIX shell, without quotes if it needs none.
func word(text string) string {
	if plain := regexp.MustCompile(`^[\w./:@%+,-]+$`); plain.MatchString(text) {
		return text
	}
	return quote(text)
}
