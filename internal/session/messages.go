package session

import (
	"bytes"
	"strconv"
)

// remembered is how many messages a record knows by their MessageSid: the newest and the 63 before it.
const remembered = 64

// messages are the last messages counted, oldest first, as a record has them: `SM1=7 SM2=8`, the MessageSid as name
// writes it and the counter that the message brought, separated by spaces. One string is a tenth of the work of a JSON
// list, and every message pays for it.
type messages []byte

// find returns the counter that a message brought. A counter that cannot be read is 0.
func (m messages) find(sid string) (counter int64, found bool) {
	for rest := []byte(m); ; {
		i := bytes.Index(rest, []byte(sid))
		if i < 0 {
			return 0, false
		}
		after := rest[i+len(sid):]
		if (i == 0 || rest[i-1] == ' ') && len(after) > 0 && after[0] == '=' {
			digits, _, _ := bytes.Cut(after[1:], []byte(" "))
			counter, _ = strconv.ParseInt(string(digits), 10, 64)
			return counter, true
		}
		rest = rest[i+1:]
	}
}

// add returns the messages with one more, and without the oldest ones beyond those that are remembered. They are written
// over into, which may be nil.
func (m messages) add(into []byte, sid string, counter int64) messages {
	for bytes.Count(m, []byte(" ")) >= remembered-1 {
		m = m[bytes.IndexByte(m, ' ')+1:]
	}
	added := append(into[:0], m...)
	if len(m) > 0 {
		added = append(added, ' ')
	}
	added = append(append(added, sid...), '=')
	return strconv.AppendInt(added, counter, 10)
}
