// Package chaostest proves that every message is counted exactly once, whatever breaks. It starts three replicas of the
// service in front of a real Redis, lets a crowd of phones write to them, breaks things by a seeded plan, and checks
// what the phones saw. See ../README.md.
package chaostest
