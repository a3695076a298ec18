//go:build !race

package systemtest

// liveConversations is how many conversations TestMemoryIsFlat has.
const liveConversations = 100_000

// raceFlags build the program as the tests are built.
var raceFlags []string
