package session

import (
	"bytes"
	"strconv"
)

// remembered is how many messages a record knows by their MessageSid: the newest and the 63 before it.
const remembered = 64

// maxMessages is the size in bytes beyond which older messages are forgotten, too. 64 messages with Twilio's
// MessageSids take 4 KB.
const maxMessages = 16 << 10

// messages are the last messages counted, oldest first, as a record has them: `SM1=7 SM2=8+`, the MessageSid as name
// writes it, the counter that the message brought, and a plus sign where that does not recall the reply. One string is a
// tenth of the work of a JSON list, and every message pays for it.
type messages []byte

// found is what messages know of one of them.
type found struct {
	counter  int64 // 0 if it cannot be read
	recorded bool  // the reply stands among the record's replies, if it was not too large
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

// only reports whether a message is the only one.
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

// add returns the messages with one more, and without the oldest ones beyond those that are remembered. They are written
// over into, which may be nil.
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
