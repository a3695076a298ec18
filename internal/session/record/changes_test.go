package record

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"smsession/internal/conversation"
)

// applied returns a text after its changes.
func applied(before []byte, changes []any) []byte {
	if len(changes) == 1 {
		return changes[0].([]byte)
	}
	after := bytes.Clone(before)
	for pair := range slices.Chunk(changes, 2) {
		copy(after[pair[0].(int):], pair[1].([]byte))
	}
	return after
}

func sizeOf(changes []any) (size int) {
	for _, c := range changes {
		b, _ := c.([]byte)
		size += len(b)
	}
	return size
}

func TestChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SliceOfN(rapid.SampledFrom([]byte("ab")), 0, 1000).Draw(t, "before")
		after := bytes.Clone(before)
		for range rapid.IntRange(0, 5).Draw(t, "edits") {
			if len(after) > 0 {
				after[rapid.IntRange(0, len(after)-1).Draw(t, "at")] = 'c'
			}
		}
		after = append(after, rapid.SampledFrom([]string{"", "", "d"}).Draw(t, "end")...)
		changes := AppendChanges(nil, before, after)
		if got := applied(before, changes); !bytes.Equal(got, after) {
			t.Fatalf("the changes %q make %s, want %s", changes, got, after)
		}
		if size := sizeOf(changes); len(changes) > 1 && size > len(after)/2 {
			t.Fatalf("the changes have %d bytes of %d", size, len(after))
		}
	})
}

// A full record must stay cheap to save: the whole record would take most of the CPU time of Redis.
func TestChangesOfFullRecord(t *testing.T) {
	now := time.Date(2026, 11, 23, 5, 13, 22, 0, time.UTC)
	r, whole := newRecord(now), 0
	for i := range int64(1000) {
		before := r.Bytes()
		r = r.Answer(conversation.State{Counter: i + 1}, now.Add(time.Duration(i)*time.Minute),
			fmt.Sprintf("SM%032x", i*i), recallsOther(i+1), recallsOther)
		changes := AppendChanges(nil, before, r.Bytes())
		if i < maxMessages {
			continue
		}
		if len(changes) == 1 {
			whole++
		} else if size := sizeOf(changes); size > 400 || len(changes) > 4 {
			t.Fatalf("message %d has the changes %.400q", i, changes)
		}
	}
	// The counter gets one more digit twice, and the list begins with its oldest message after each 64 messages.
	if whole > 32 {
		t.Errorf("the whole record was sent %d times, want at most 32", whole)
	}
}
