package main

import (
	"os"
	"testing"
)

// roleVariable makes the test binary be a server instead of running tests: the program itself, or one that it is
// compared with. So the suite starts real processes without building anything first.
const roleVariable = "SMSESSION_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "smsession":
		main()
	default:
		serveReference(role)
	}
}
