package inspect_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smsession/internal/inspect"
)

func TestAddressesAreMasked(t *testing.T) {
	for _, row := range []struct {
		name, want string
		printer    inspect.Printer
	}{
		{"an address that the operator typed is not masked", from + " to +1500•••0006: ", inspect.Printer{Typed: []string{from, ""}}},
		{"no address is masked with Reveal", from + " to " + to + ": ", inspect.Printer{Reveal: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out strings.Builder
			row.printer.Out = &out
			if err := row.printer.Ending(inspect.Ending{From: from, To: to}); err != nil ||
				!strings.HasPrefix(out.String(), row.want) {
				t.Errorf("%v, %q", err, out.String())
			}
		})
	}
}

func TestListAsATable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time stands still
		now := time.Now()
		conversations := []inspect.Conversation{
			{To: to, From: from, Token: token, Count: 7, Written: now.Add(-90 * time.Second), Began: now.Add(-time.Hour), Left: 3*time.Hour + 58*time.Minute + 31*time.Second, App: 212},
			{To: "whatsapp:" + to, From: "whatsapp:+15551234567", Count: 1234567, Written: now.Add(-25 * time.Hour), Left: inspect.Forever},
			{To: to, From: "a long\x1b[2J name that is wider", Opaque: true, Left: time.Second},
			{To: to, From: "\x1b[2J", Count: 1, Written: now, Left: time.Second},
		}
		var out strings.Builder
		list := &inspect.Printer{Out: &out, Typed: []string{from, "\x1b[2J"}}
		for i := range conversations {
			if err := list.List(conversations[i : i+1]); err != nil {
				t.Fatal(err)
			}
		}
		want := "" +
			"FROM                  TO                      COUNT    IDLE    LEFT  TOKEN   APP\n" +
			"+12025550143          +1500•••0006                7   1m30s   3h58m  Zm9ydH  yes\n" +
			"whatsapp:+1555•••4567 whatsapp:+1500•••0006 1234567   1d01h forever\n" +
			`a lon•••ider          +1500•••0006                ?       ?      1s` + "\n" +
			`\x1b[2J               +1500•••0006                1      0s      1s` + "\n"
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out.String(), want)
		}
	})
}

func TestListAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time stands still
		now := time.Now()
		var out strings.Builder
		list := &inspect.Printer{Out: &out, JSON: true}
		err := list.List([]inspect.Conversation{
			{To: to, From: from, Token: token, Count: 7, Written: now.Add(-90 * time.Second), Began: now.Add(-time.Hour), Left: time.Hour + time.Millisecond, App: 212},
			{To: to, From: "\u202e", Opaque: true, Left: inspect.Forever},
		})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(out.String(), "\n")
		var first struct {
			From, To       string
			Count          int
			Idle           int `json:"idle_seconds"`
			Left           int `json:"left_seconds"`
			App            int `json:"app_bytes"`
			Began, Written time.Time
		}
		if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
			t.Fatal(err)
		}
		if first.From != "+1202•••0143" || first.To != "+1500•••0006" || first.Count != 7 || first.Idle != 90 ||
			first.Left != 3600 || first.App != 212 || !first.Began.Equal(now.Add(-time.Hour)) {
			t.Errorf("got %s", lines[0])
		}
		if lines[1] != `{"from":"•••","to":"+1500•••0006"}` || lines[2] != "" || len(lines) != 3 {
			t.Errorf("got %q", lines[1:])
		}
	})
}

func TestListInOrderAndWithALimit(t *testing.T) {
	each(t, func(b bench) {
		for i := range 30 {
			b.put(to, fmt.Sprintf("+1202555%04d", i), i+1, "")
		}
		list := func(order inspect.Order, limit int) (counts []int64, calls int) {
			err := b.source().List(b.Context(), inspect.Filter{}, order, limit,
				func(found []inspect.Conversation) error {
					for _, c := range found {
						counts = append(counts, c.Count)
					}
					calls++
					return nil
				})
			if err != nil {
				b.Fatal(err)
			}
			return counts, calls
		}
		if counts, calls := list(inspect.ByCount, 3); fmt.Sprint(counts) != "[30 29 28]" || calls != 1 {
			b.Errorf("the highest counts are %v, in %d calls", counts, calls)
		}
		for limit, want := range map[int]int{0: 30, 1: 1, 29: 29, 30: 30, 31: 30} {
			if counts, _ := list("", limit); len(counts) != want {
				b.Errorf("with a limit of %d, %d of 30 are listed", limit, len(counts))
			}
		}
		b.do("FLUSHALL")
		if _, calls := list(inspect.ByCount, 3); calls != 0 {
			b.Errorf("%d calls without a conversation", calls)
		}
	})
}
