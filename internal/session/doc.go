// Package session keeps the memory of SMS conversations in Redis, shared by any number of replicas, so that every
// message changes its conversation exactly once.
//
// It wraps the session middleware of scs in three things which that does not have: a store that saves by
// compare-and-set (Store), a pointer from the two phone numbers to the session's token, and a loop that throws an
// attempt away and starts again when another replica was faster or Redis did not answer (Manager). It is not a general
// session library: one session is one conversation, and it holds one Record.
package session
