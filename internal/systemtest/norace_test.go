//go:build !race

package systemtest

// liveConversations is how many conversations go through one replica in the test of its memory.
const liveConversations = 100_000

// raceFlags build the program as the tests are built.
var raceFlags []string
