//go:build race

package systemtest

// liveConversations is how many conversations TestMemoryIsFlat has. Under the race detector, a message costs ten times
// as much, and 100,000 messages would take minutes.
const liveConversations = 20_000

// raceFlags build the program as the tests are built.
var raceFlags = []string{"-race"}
