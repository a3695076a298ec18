package session

import (
	"bytes"
	"strconv"
)

// remembered is how many messages a record knows by their MessageSid: the newest and the 63 before it.
const remembered = 64

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
			digits, recorded := bytes.CutSuffix(value, []byte("+"))
			counter, _ := strconv.ParseInt(string(digits), 10, 64)
			return found{counter, recorded}, true
		}
		next := bytes.IndexByte(rest, ' ')
		if next < 0 {
			break
		}
		rest = rest[next+1:]
	}
	return found{}, false
}

// only reports whether a message is the only one.
func (m messages) only(sid string) bool {
	_, found := m.find(sid)
	return found && bytes.IndexByte(m, ' ') < 0
}

// add returns the messages with one more, and without the oldest ones beyond those that are remembered. They are written
// over into, which may be nil.
func (m messages) add(into []byte, sid string, is found) messages {
	for bytes.Count(m, []byte(" ")) >= remembered-1 {
		m = m[bytes.IndexByte(m, ' ')+1:]
	}
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
