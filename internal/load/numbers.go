package load

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
)

// numbers gives out senders that no other run has and that nobody owns. The ITU has the country code 999 in reserve and has
// given it to nobody (List of ITU-T Recommendation E.164 assigned country codes); what follows it here has the most digits
// that E.164 allows.
type numbers struct{ next uint64 }

const subscribers = 1_000_000_000_000 // 12 digits

func newNumbers() *numbers { return &numbers{next: rand.Uint64N(subscribers)} }

func (n *numbers) take() string {
	n.next = (n.next + 1) % subscribers
	return fmt.Sprintf("+999%012d", n.next)
}

// sids makes the MessageSids of a conversation from its random part and the message's place, so that none need be kept.
type sids uint64

func newSIDs() sids { return sids(rand.Uint64()) }

func (s sids) of(message int) string {
	var digits [16]byte
	binary.BigEndian.PutUint64(digits[:8], uint64(s))
	binary.BigEndian.PutUint64(digits[8:], uint64(message)+1)
	sid := make([]byte, 34)
	hex.Encode(sid[copy(sid, "SM"):], digits[:])
	return string(sid)
}
