//go:build race

package systemtest

// liveConversations is how many conversations go through one replica in the test of its memory. Under the race detector a
// message costs ten times as much: 100,000 would take minutes.
const liveConversations = 20_000

// raceFlags build the program as the tests are built.
var raceFlags = []string{"-race"}
