package benchtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

// TestSummarize uses the intervals of the sign test, which tables of nonparametric statistics have: of nine values, the
// second and the eighth bound the median with a confidence of 96.1 %. Of five values, no two bound it with 95 %.
func TestSummarize(t *testing.T) {
	var rounds []Round
	for _, value := range []float64{7, 2, 90, 4, 5, 1, 8, 3, 6} {
		rounds = append(rounds, Round{"ours": {Service: 3 * value}, "L1": {Service: 3}})
	}
	ratio := func(r Round) float64 { return r["ours"].Service / r["L1"].Service }
	if s := Summarize(rounds, ratio); s.Center != 5 || s.Lo != 2 || s.Hi != 8 || s.Confidence < 0.96 {
		t.Errorf("nine values: %+v", s)
	}
	var b strings.Builder
	service := Column{Name: "service", IsCompared: true, Value: func(f Figures) float64 { return f.Service }}
	toL1 := func(string) string { return "L1" }
	WriteRatios(&b, rounds[:5], []string{"ours"}, toL1, []Column{{Name: "MB"}, service})
	want := "| server | service              |\n|---     |---                   |\n| ours   | 5.00 (-Inf–90.00) |\n\n"
	if got := b.String(); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("the table of five values is\n%s", got)
	}
}

// TestOpen stalls a server for one message. A crowd that measures from the moment of sending, as the closed one does,
// sees one slow message. The messages that were due meanwhile must count, too.
func TestOpen(t *testing.T) {
	const stall, gap, messages = 400 * time.Millisecond, 10 * time.Millisecond, 40
	slow := func(send func(*Crowd) []time.Duration) (n int) {
		first := true
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if first {
				time.Sleep(stall)
			}
			first = false
		}))
		defer server.Close()
		all := []Conversation{{From: webhooktest.NewNumber()}}
		c := NewCrowd(t, []string{server.Listener.Addr().String()}, 1, true, all)
		c.Prepare(messages)
		for _, took := range send(c) {
			if took >= stall/2 {
				n++
			}
		}
		return n
	}
	if n := slow(func(c *Crowd) []time.Duration { return c.Open(float64(time.Second / gap)) }); n < int(stall/2/gap) {
		t.Errorf("open: only %d messages were slow", n)
	}
	if n := slow((*Crowd).Closed); n >= int(stall/2/gap) {
		t.Errorf("closed: %d messages were slow", n)
	}
}

// TestAffinity counts the messages that each of two servers gets for each conversation.
func TestAffinity(t *testing.T) {
	for _, row := range []struct {
		name     string
		affinity bool
	}{{"with affinity", true}, {"without affinity", false}} {
		t.Run(row.name, func(t *testing.T) {
			got := make([]map[string]int, 2)
			var servers []string
			for i := range got {
				got[i] = map[string]int{}
				server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					got[i][r.PostFormValue("From")]++
				}))
				defer server.Close()
				servers = append(servers, server.Listener.Addr().String())
			}
			all := []Conversation{{From: "+12025550101"}, {From: "+12025550102"}, {From: "+12025550103"}}
			c := NewCrowd(t, servers, 1, row.affinity, all)
			c.Prepare(300)
			c.Closed()
			for _, conversation := range all {
				first, second := got[0][conversation.From], got[1][conversation.From]
				if first+second != 100 || (first == 0 || second == 0) != row.affinity {
					t.Errorf("the servers got %d and %d messages of %s", first, second, conversation.From)
				}
			}
		})
	}
}

// TestInfo reads a number that Redis has been given.
func TestInfo(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	server.CLI("CONFIG", "SET", "maxmemory", "123456789")
	if n := ReadInfo(t, redistest.Conn(t, server.Addr())).Number(t, "maxmemory"); n != 123456789 {
		t.Errorf("maxmemory is %v", n)
	}
}
