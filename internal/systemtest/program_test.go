package systemtest

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"smsession/internal/processtest"
)

// roleVariable makes the test binary run as a server that the program is compared with. See serveReference.
const roleVariable = "SMSESSION_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		serveReference(role)
	}
	dir, err := os.MkdirTemp("", "smsession-systemtest-")
	if err != nil {
		panic(err)
	}
	builds = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(dir)
		os.Exit(status)
	}))
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
	return path, processtest.Build(path, source, flags...)
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
