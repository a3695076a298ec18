package record

import (
	"bytes"
	"iter"
	"strconv"
)

const (
	// maxMessages is the number of messages whose MessageSids a record keeps.
	maxMessages = 64

	// maxMessageBytes is the size of the list beyond which older messages are removed as well. 64 messages with
	// Twilio's MessageSids take 4 KB.
	maxMessageBytes = 16 << 10
)

var space = []byte(" ")

// messages is a list of messages, oldest first, in the form of the record: `SM1=7 SM2=8+`. Each entry is the MessageSid
// as Escape writes it, the counter after the message, and a plus sign if the reply cannot be derived from the counter.
// Every message reads and writes this list, which takes a tenth of the time that a list in JSON takes.
type messages []byte

// Messages returns the MessageSid of each message as the record contains it, and the counter after the message, oldest
// first. The counter is 0 if the message ended the conversation, or if the number cannot be read.
func (r *Record) Messages() iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		for entry := range bytes.FieldsSeq(r.messages) {
			sid, value, _ := bytes.Cut(entry, []byte("="))
			if counter, _ := parseValue(value); !yield(string(sid), counter) {
				return
			}
		}
	}
}

// HasOnly reports whether the message with this MessageSid is the only one in the record.
func (r *Record) HasOnly(sid string) bool {
	_, found := r.messages.find(Escape(sid))
	return found && !bytes.Contains(r.messages, space)
}

// find looks for the entry of a message. It returns the part after the equals sign. sid is as Escape writes it.
func (m messages) find(sid string) (value []byte, found bool) {
	for entry := range bytes.SplitSeq(m, space) {
		if len(entry) > len(sid) && entry[len(sid)] == '=' && string(entry[:len(sid)]) == sid {
			return entry[len(sid)+1:], true
		}
	}
	return nil, false
}

// parseValue reads the part of an entry after the equals sign.
func parseValue(value []byte) (counter int64, isStored bool) {
	digits, isStored := bytes.CutSuffix(value, []byte("+"))
	counter, _ = strconv.ParseInt(string(digits), 10, 64)
	return counter, isStored
}

// formatEntry returns the entry of a message. sid is as Escape writes it.
func formatEntry(sid string, counter int64, isStored bool) []byte {
	b := strconv.AppendInt(append([]byte(sid), '='), counter, 10)
	if isStored {
		b = append(b, '+')
	}
	return b
}

// withRoom returns the list without its oldest messages, so that there is room for one more.
func (m messages) withRoom() messages {
	for n := bytes.Count(m, space) + 1; n >= maxMessages || len(m) > maxMessageBytes; n-- {
		_, m, _ = bytes.Cut(m, space)
	}
	return m
}

// appendTo appends the list and one more entry to b. The entry may be empty.
func (m messages) appendTo(b, entry []byte) []byte {
	b = append(b, m...)
	if len(m) > 0 && len(entry) > 0 {
		b = append(b, ' ')
	}
	return append(b, entry...)
}
