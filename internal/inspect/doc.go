// Package inspect looks at live conversations in Redis, lists, shows and watches them, and lets time pass for them. It
// reads without renewing anything, answers no message, and writes no record: what ends a conversation is in package
// session.
package inspect
