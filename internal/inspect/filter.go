package inspect

import (
	"slices"
	"strings"

	"smsession/internal/conversation"
)

// Filter selects conversations. An address is written as in a message, or masked as the lists of conversations show it:
// +1202•••0143. The empty Filter selects all conversations.
type Filter struct {
	To    string   // our number
	From  []string // the senders
	Token string   // the first characters of the session's token
	Ended bool     // select also what is not live: for List, conversations that were ended; for Select, all others, too

	// LiveWins is for Select: if a masked address or a token fits several, and only one of them is live, the others are
	// left out.
	LiveWins bool
}

// isMasked reports whether an address was copied from a list.
func isMasked(address string) bool { return strings.Contains(address, conversation.Hidden) }

// isExact reports whether f names both addresses of each conversation in full.
func (f Filter) isExact() bool {
	return f.To != "" && !isMasked(f.To) && len(f.From) > 0 && !slices.ContainsFunc(f.From, isMasked)
}

// pattern returns the addresses that all selected conversations have. An address is empty if they differ, or if it is
// masked.
func (f Filter) pattern() (to, from string) {
	if !isMasked(f.To) {
		to = f.To
	}
	if len(f.From) == 1 && !isMasked(f.From[0]) {
		from = f.From[0]
	}
	return to, from
}

// selector returns a function that reports whether f selects the conversation between two addresses. It ignores the
// token. The number of senders does not slow the function down.
func (f Filter) selector() func(to, from string) bool {
	senders := newAddresses(f.From)
	ours := newAddresses(nil)
	if f.To != "" {
		ours = newAddresses([]string{f.To})
	}
	return func(to, from string) bool {
		return (ours.isEmpty() || ours.contain(to)) && (senders.isEmpty() || senders.contain(from))
	}
}

// Filter selects only this conversation, in any state.
func (c Conversation) Filter() Filter { return Filter{To: c.To, From: []string{c.From}, Ended: true} }

// certain returns the conversations without those that are not live and that f does not tell apart from a live one.
func (f Filter) certain(found []Conversation) []Conversation {
	live := map[string]string{} // the addresses of live conversations, by their masks
	for _, c := range found {
		if c.Live {
			live[conversation.Mask(c.From)], live[conversation.Mask(c.To)] = c.From, c.To
		}
	}
	hasTwin := func(address string) bool {
		other, isThere := live[conversation.Mask(address)]
		return isThere && other != address
	}
	return slices.DeleteFunc(slices.Clone(found), func(c Conversation) bool {
		isNamed := slices.Contains(f.From, c.From)
		return !c.Live && (f.Token != "" || isMasked(f.To) && hasTwin(c.To) || !isNamed && hasTwin(c.From))
	})
}

// Unmatched returns the senders of f that none of the conversations has, masked.
func (f Filter) Unmatched(found []Conversation) []string {
	exact, masked := map[string]bool{}, map[string]bool{}
	for _, c := range found {
		exact[c.From], masked[conversation.Mask(c.From)] = true, true
	}
	var unmatched []string
	for _, from := range f.From {
		if !exact[from] && !(isMasked(from) && masked[from]) {
			unmatched = append(unmatched, conversation.Mask(from))
		}
	}
	return unmatched
}

// addresses is a set of addresses, some of which may be masked.
type addresses struct {
	exact     map[string]bool
	hasMasked bool
}

func newAddresses(list []string) addresses {
	set := addresses{exact: make(map[string]bool, len(list))}
	for _, address := range list {
		set.exact[address] = true
		set.hasMasked = set.hasMasked || isMasked(address)
	}
	return set
}

func (a addresses) isEmpty() bool { return len(a.exact) == 0 }

// contain reports whether the set contains an address or its mask.
func (a addresses) contain(address string) bool {
	return a.exact[address] || a.hasMasked && a.exact[conversation.Mask(address)]
}
