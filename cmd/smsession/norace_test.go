//go:build !race

package main

// liveConversations is how many conversations go through one replica in the test of its memory.
const liveConversations = 100_000
