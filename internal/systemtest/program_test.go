package systemtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// roleVariable makes the test binary run as a server that the program is compared with. See serveReference.
const roleVariable = "SMSESSION_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		serveReference(role)
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "smsession-systemtest-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	builds = dir
	return m.Run()
}

// builds is the directory of the built programs.
var builds string

// program is the path of the program. It is built with the race detector if the tests are.
var program = sync.OnceValues(func() (string, error) { return buildProgram("smsession", mainPackage, raceFlags...) })

// shippedProgram is the path of the program as it is shipped, without the race detector, which takes several times the
// memory.
var shippedProgram = sync.OnceValues(func() (string, error) { return buildProgram("shipped", mainPackage) })

// surveyProgram is the path of the example in Go.
var surveyProgram = sync.OnceValues(func() (string, error) { return buildProgram("survey", examplesPackage) })

const (
	mainPackage     = "smsession/cmd/smsession"
	examplesPackage = "smsession/deploy/examples"
)

func buildProgram(name, source string, flags ...string) (string, error) {
	path := filepath.Join(builds, name)
	args := append([]string{"build", "-buildvcs=false", "-o", path}, flags...)
	if out, err := exec.Command("go", append(args, source)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// built returns the path of a program that is built when it is first needed.
func built(tb testing.TB, build func() (string, error)) string {
	tb.Helper()
	path, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}
