package devservice_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"smsession/internal/devservice"
)

// TestMain prints the result of Program if the test program runs as a copy of itself.
func TestMain(m *testing.M) {
	if os.Getenv("PRINT_PROGRAM") != "" {
		_, _ = io.WriteString(os.Stdout, devservice.Program())
		return
	}
	goleak.VerifyTestMain(m)
}

// install copies the test program to a path.
func install(t *testing.T, path string) {
	t.Helper()
	self, err := os.Executable()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.Link(self, path)
	}
	if err != nil {
		t.Skip(err) // the test program is in another file system
	}
}

// TestProgram runs a program from several directories, and then runs what it prints with a shell.
func TestProgram(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	deep, link := filepath.Join(root, strings.Repeat("d/", 60)), filepath.Join(root, "link")
	inside, other := filepath.Join(root, "project/a/b"), filepath.Join(root, "other")
	script := filepath.Join(other, "smsession")
	if err := errors.Join(os.MkdirAll(deep, 0o700), os.MkdirAll(inside, 0o700), os.Symlink(inside, link),
		os.Mkdir(other, 0o700), os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700)); err != nil {
		t.Fatal(err)
	}
	built, spaced := filepath.Join(root, "project/bin/smsession"), filepath.Join(root, "it's a project/smsession")
	install(t, built)
	install(t, spaced)
	for _, test := range []struct{ name, program, dir, path, want string }{
		{"in the project after make run", built, root + "/project", "", "bin/smsession"},
		{"in the directory of the program", built, root + "/project/bin", "", "./smsession"},
		{"next to the project", built, root + "/it's a project", "", "../project/bin/smsession"},
		{"in the root directory", built, "/", "", built[1:]},
		{"in a directory from which the relative path is longer", built, deep, "", built},
		{"in a directory that a symbolic link leads to", built, link, "", "../../bin/smsession"},
		{"with a space and an apostrophe in the path", spaced, root, "", `'it'\''s a project/smsession'`},
		{"if PATH leads to the program", built, root, root + "/project/bin", "smsession"},
		{"if PATH leads to another program", built, root + "/project", other, "bin/smsession"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, line := range []string{quote(test.program), test.want} {
				cmd := exec.Command("/bin/sh", "-c", line)
				cmd.Dir = test.dir
				cmd.Env = []string{"PRINT_PROGRAM=1", "PATH=" + test.path, "PWD=" + test.dir}
				if out, err := cmd.Output(); err != nil || string(out) != test.want {
					t.Errorf("%s prints %q, %v, want %q", line, out, err, test.want)
				}
			}
		})
	}
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
