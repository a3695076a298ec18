//go:build race

package main

// liveConversations is how many conversations go through one replica in the test of its memory. Under the race detector a
// message costs ten times as much: 100,000 would take minutes.
const liveConversations = 20_000
