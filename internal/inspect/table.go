package inspect

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// List prints conversations, a line each, as they come: columns that do not wait for the last line to know their widths,
// or JSON objects. It is not safe for concurrent use.
type List struct {
	Out   io.Writer
	Names Names
	JSON  bool

	buffer *bufio.Writer
}

// widths are those of the columns: the two addresses, masked and on a channel such as whatsapp:, then three numbers.
const widths = "%s %s %7s %8s %8s"

const addressWidth = 21

// Print prints some conversations, and all of them have gone out when it returns. The error is the writer's.
func (l *List) Print(found []Conversation) error {
	now := time.Now()
	if l.buffer == nil {
		l.buffer = bufio.NewWriter(l.Out)
		if !l.JSON {
			fmt.Fprintln(l.buffer, header())
		}
	}
	for _, c := range found {
		if l.JSON {
			l.buffer.Write(append(c.object(l.Names, now), '\n'))
		} else {
			fmt.Fprintln(l.buffer, c.line(l.Names, now))
		}
	}
	return l.buffer.Flush()
}

// header stands over the lines of a table.
func header() string {
	return fmt.Sprintf(widths, padded("FROM"), padded("TO"), "COUNT", "IDLE", "LEFT")
}

// line is a row of a table. What a later version has written is a question mark here.
func (c Conversation) line(names Names, now time.Time) string {
	count, idle := fmt.Sprint(c.Count), Brief(now.Sub(c.Written))
	if c.Newer {
		count, idle = "?", "?"
	}
	return fmt.Sprintf(widths, padded(Safe(names.Show(c.From))), padded(Safe(names.Show(c.To))), count, idle, Brief(c.Left))
}

// padded makes an address as wide as its column. A wider one stays whole.
func padded(s string) string {
	return fmt.Sprintf("%s%*s", s, max(addressWidth-utf8.RuneCountInString(s), 0), "")
}

// row is a conversation in JSON. Times are whole seconds, and missing where they are not known.
type row struct {
	From    string     `json:"from"`
	To      string     `json:"to"`
	Count   *int64     `json:"count,omitempty"`
	Idle    *int64     `json:"idle_seconds,omitempty"`
	Left    *int64     `json:"left_seconds,omitempty"`
	Began   *time.Time `json:"began,omitempty"`
	Written *time.Time `json:"written,omitempty"`
}

func (c Conversation) row(names Names, now time.Time) row {
	r := row{From: names.Show(c.From), To: names.Show(c.To)}
	if c.Left != Forever {
		r.Left = seconds(c.Left)
	}
	if !c.Newer {
		r.Count, r.Idle, r.Began, r.Written = &c.Count, seconds(now.Sub(c.Written)), &c.Began, &c.Written
	}
	return r
}

func seconds(d time.Duration) *int64 {
	s := int64(max(d, 0) / time.Second)
	return &s
}

func (c Conversation) object(names Names, now time.Time) []byte { return object(c.row(names, now)) }

// object is a value of ours as a line of JSON.
func object(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and times always can be
	}
	return SafeJSON(b)
}
