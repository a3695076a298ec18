package inspect

import (
	"fmt"
	"io"
)

// What came of the end of a conversation, besides Ended.
const (
	Erased       = "erased"
	EndedBefore  = "ended before"
	NothingThere = "nothing there" // no session goes on: it is over by time, or its record cannot be read
)

// Ending is what came of the end of a conversation.
type Ending struct {
	To, From string
	What     string
	Count    int64 // messages that it had, if it is Ended
}

// Print writes the ending as a sentence, or as a line of JSON.
func (e Ending) Print(w io.Writer, names Names, asJSON bool) error {
	if asJSON {
		_, err := fmt.Fprintf(w, "%s\n", object(struct {
			From  string `json:"from"`
			To    string `json:"to"`
			What  string `json:"what"`
			Count int64  `json:"count,omitempty"`
		}{names.Show(e.From), names.Show(e.To), e.What, e.Count}))
		return err
	}
	_, err := fmt.Fprintf(w, "%s to %s: %s\n", Safe(names.Show(e.From)), Safe(names.Show(e.To)), e.sentence())
	return err
}

func (e Ending) sentence() string {
	switch e.What {
	case Ended:
		if e.Count == 1 {
			return "ended after 1 message; the next one begins anew"
		}
		return fmt.Sprintf("ended after %d messages; the next one begins anew", e.Count)
	case EndedBefore:
		return "had ended before; nothing was changed"
	case Erased:
		return "erased; a late repeat of one of its messages may count again"
	}
	return "no session goes on; nothing was changed"
}
