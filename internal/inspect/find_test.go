package inspect_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/inspect"
)

// TestSelect puts one conversation in each state into Redis. Their states are those of the table.
func TestSelect(t *testing.T) {
	each(t, func(b bench) {
		b.put(to, "+1live", 3, "")
		b.put(to, "+2ended", 0, `,"ended":"`+time.Now().UTC().Format(time.RFC3339)+`"`)
		b.put(to, "+3broken", 1, "")
		b.do("SET", "sms:session:"+tokenOf("+3broken"), "{")
		b.put(to, "+4later", 1, "")
		b.do("SET", "sms:session:"+tokenOf("+4later"), at(to, "+4later", 99, 1, time.Now(), ""))
		b.do("SET", "sms:conversation:"+to+":+5none", "no token")
		found, err := b.source().Select(b.Context(), inspect.Filter{To: to, Ended: true})
		var got []string
		for _, c := range found {
			state := fmt.Sprintf("live=%t ended=%t opaque=%t", c.Live, c.Ended, c.Opaque)
			got = append(got, fmt.Sprintf("%s %d %s", c.From, c.Count, state))
			if want := tokenOf(c.From); c.From != "+5none" && c.Token != want || c.From == "+5none" && c.Token != "" {
				b.Errorf("%s has the token %q", c.From, c.Token)
			}
		}
		if want := []string{
			"+1live 3 live=true ended=false opaque=false",
			"+2ended 0 live=false ended=true opaque=false",
			"+3broken 0 live=false ended=false opaque=true",
			"+4later 0 live=true ended=false opaque=true",
			"+5none 0 live=false ended=false opaque=true",
		}; err != nil || !slices.Equal(got, want) {
			b.Errorf("%v\ngot  %q\nwant %q", err, got, want)
		}
		if live, err := b.source().Select(b.Context(), inspect.Filter{To: to}); err != nil || len(live) != 2 ||
			live[0].From != "+1live" || live[1].From != "+4later" {
			b.Errorf("live are %+v, %v", live, err)
		}
	})
}

// TestSelectRefusesToGuess uses senders and numbers of ours whose masks are the same. A naive Select would return
// conversations of a person whom the operator did not mean.
func TestSelectRefusesToGuess(t *testing.T) {
	const twin, otherTwin = "+12029990143", "+15009990006" // masked as from and to are
	each(t, func(b bench) {
		b.put(to, from, 1, "")
		b.put(to, twin, 1, "")
		b.put(otherTwin, "+19995550199", 1, "")
		b.do("SET", "sms:conversation:"+to+":+19995550188", tokenOf(from)[:20]+strings.Repeat("x", 23))
		for _, row := range []struct {
			name, problem string
			filter        inspect.Filter
			found         int
		}{
			{"a masked number of two senders", "several senders have the same masked number",
				inspect.Filter{From: []string{"+1202•••0143"}}, 2},
			{"a masked number of two senders among others", "several senders have the same masked number",
				inspect.Filter{From: []string{"+1202•••0143", "+19995550199"}}, 3},
			{"a masked number of ours", "several of our numbers have the same masked number",
				inspect.Filter{To: "+1500•••0006"}, 4},
			{"the beginning of two tokens", "several sessions have a token that begins with these characters",
				inspect.Filter{Token: tokenOf(from)[:6]}, 2},
			{"a masked number of one sender", "", inspect.Filter{From: []string{"+1999•••0199"}}, 1},
			{"a longer beginning of a token", "", inspect.Filter{Token: tokenOf(from)[:21]}, 1},
			{"a masked number and a token", "", inspect.Filter{From: []string{"+1202•••0143"}, Token: tokenOf(twin)[:6]}, 1},
			{"several whole numbers", "", inspect.Filter{From: []string{from, twin}}, 2},
		} {
			found, err := b.source().Select(b.Context(), withEnded(row.filter))
			ambiguous, isAmbiguous := errors.AsType[*inspect.AmbiguousError](err)
			switch {
			case row.problem == "" && (err != nil || len(found) != row.found):
				b.Errorf("%s: got %+v, %v", row.name, found, err)
			case row.problem != "" && (!isAmbiguous || len(found) > 0 || len(ambiguous.Found) != row.found ||
				!strings.Contains(err.Error(), row.problem)):
				b.Errorf("%s: got %+v, %v", row.name, found, err)
			}
		}
	})
}

// TestLiveWins uses senders and numbers of ours whose masks are the same, while some of their conversations have ended.
// A naive Select would refuse to guess, or would also leave out an ended conversation that was named in full.
func TestLiveWins(t *testing.T) {
	const twin, otherTwin, third = "+12029990143", "+15009990006", "+19995550199"
	ended := `,"ended":"` + time.Now().UTC().Format(time.RFC3339) + `"`
	masked := []string{"+1202•••0143"}
	for _, row := range []struct {
		name   string
		fields [2]string // of the records of from and twin
		filter inspect.Filter
		want   []string
	}{
		{"one of two senders is live", [2]string{ended, ""}, inspect.Filter{From: masked}, []string{twin}},
		{"both senders are live", [2]string{"", ""}, inspect.Filter{From: masked}, nil},
		{"no sender is live", [2]string{ended, ended}, inspect.Filter{From: masked}, nil},
		{"an ended conversation is named in full", [2]string{ended, ""},
			inspect.Filter{From: append([]string{third}, masked...)}, []string{twin, third}},
		{"another mask fits only an ended conversation", [2]string{ended, ""},
			inspect.Filter{From: append([]string{"+1999•••0199"}, masked...)}, []string{twin, third}},
		{"one of two tokens is live", [2]string{"", ended}, inspect.Filter{Token: tokenOf(from)[:6]}, []string{from}},
		{"one of our two numbers is live", [2]string{"", ""},
			inspect.Filter{To: "+1500•••0006", From: []string{third, from}}, []string{from}},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(b bench) {
				b.put(to, from, 1, row.fields[0])
				b.put(to, twin, 1, row.fields[1])
				b.put(otherTwin, third, 1, ended)
				b.do("SET", "sms:conversation:"+to+":+19995550188", tokenOf(from)[:20]+strings.Repeat("x", 23))
				row.filter.Ended, row.filter.LiveWins = true, true
				found, err := b.source().Select(b.Context(), row.filter)
				var got []string
				for _, c := range found {
					got = append(got, c.From)
				}
				_, isAmbiguous := errors.AsType[*inspect.AmbiguousError](err)
				if !slices.Equal(got, row.want) || isAmbiguous != (row.want == nil) {
					b.Errorf("got %q, %v, want %q", got, err, row.want)
				}
			})
		})
	}
}

// withEnded returns f for conversations in any state.
func withEnded(f inspect.Filter) inspect.Filter {
	f.Ended = true
	return f
}

func TestUnmatched(t *testing.T) {
	f := inspect.Filter{From: []string{"+1", from, "+1202•••0143", "+1202•••9999", "+2"}}
	got := f.Unmatched([]inspect.Conversation{{From: from}, {From: "+2"}})
	if want := []string{"•••", "+1202•••9999"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
