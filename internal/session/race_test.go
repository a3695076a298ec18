//go:build race

package session

const isUnderRace = true
