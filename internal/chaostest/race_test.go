//go:build race

package chaostest

// raceFlags build the program as the tests are built.
var raceFlags = []string{"-race"}
