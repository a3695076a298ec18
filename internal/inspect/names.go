package inspect

import (
	"slices"

	"smsession/internal/conversation"
	"smsession/internal/terminal"
)

// Names decides how addresses are shown: whole if the operator typed them or asked for it, and else masked.
type Names struct {
	Reveal bool
	Typed  []string
}

// Show returns the address as it may be shown. It may contain characters that do not print.
func (n Names) Show(address string) string {
	if n.Reveal || slices.Contains(n.Typed, address) {
		return address
	}
	return conversation.Mask(address)
}

// pair returns both addresses of a conversation for a terminal.
func (n Names) pair(from, to string) string {
	return terminal.Escape(n.Show(from)) + " to " + terminal.Escape(n.Show(to))
}
