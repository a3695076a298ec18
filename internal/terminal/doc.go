// Package terminal has what programs need to talk to a person at a terminal: text from outside that is made safe to show,
// durations and tables for reading, and questions. It knows nothing about messages, conversations or Redis.
package terminal
