package session

import (
	"bytes"
	"strconv"
)

// remembered is the number of messages whose MessageSids a record keeps: the newest message and the 63 before it.
const remembered = 64

// maxMessages is the size in bytes beyond which older messages are removed as well. 64 messages with Twilio's
// MessageSids take 4 KB.
const maxMessages = 16 << 10

// messages are the last messages counted, oldest first, in the form of the record: `SM1=7 SM2=8+`. Each entry is the
// MessageSid as name writes it, the counter after the message, and a plus sign if the reply cannot be derived from the
// counter. To read and write one string takes a tenth of the work of a JSON list, and every message needs this.
type messages []byte

// found is the entry of one message.
type found struct {
	counter  int64 // 0 if it cannot be read
	recorded bool  // the reply is one of the record's replies, unless it was removed because of its size
}

// find looks for a message.
func (m messages) find(sid string) (_ found, ok bool) {
	for rest := []byte(m); len(rest) > len(sid); {
		if rest[len(sid)] == '=' && string(rest[:len(sid)]) == sid {
			value, _, _ := bytes.Cut(rest[len(sid)+1:], []byte(" "))
			return parseFound(value), true
		}
		next := bytes.IndexByte(rest, ' ')
		if next < 0 {
			break
		}
		rest = rest[next+1:]
	}
	return found{}, false
}

// parseFound parses the text after a message's equals sign.
func parseFound(value []byte) found {
	digits, recorded := bytes.CutSuffix(value, []byte("+"))
	counter, _ := strconv.ParseInt(string(digits), 10, 64)
	return found{counter, recorded}
}

// only reports whether sid is the only message.
func (m messages) only(sid string) bool {
	_, found := m.find(sid)
	return found && bytes.IndexByte(m, ' ') < 0
}

// last returns the last n messages, or fewer if these are too large.
func (m messages) last(n int) messages {
	for at := len(m); ; n-- {
		before := bytes.LastIndexByte(m[:at], ' ')
		switch {
		case n == 0, len(m)-before-1 > maxMessages:
			return m[min(at+1, len(m)):]
		case before < 0:
			return m
		}
		at = before
	}
}

// add returns the messages with one more message, and without the oldest messages beyond the limit. It writes them into
// the buffer into, which may be nil.
func (m messages) add(into []byte, sid string, is found) messages {
	m = m.last(remembered - 1)
	added := append(into[:0], m...)
	if len(m) > 0 {
		added = append(added, ' ')
	}
	added = append(append(added, sid...), '=')
	added = strconv.AppendInt(added, is.counter, 10)
	if is.recorded {
		added = append(added, '+')
	}
	return added
}
