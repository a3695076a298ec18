package load

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"smsession/internal/phone"
)

// usualLoad returns a load with all faults that a correct server must tolerate.
func usualLoad(s *server) Options {
	return Options{
		Conversations: 20, InFlight: 16, Messages: 2000,
		Burst: 5, FirstRace: 0.5, Resend: 0.3, LoseCookies: 0.1,
		Expect: expects(ExpectCount), Phone: s.phone,
	}
}

// runInFakeTime runs a load in the fake time of synctest.
func runInFakeTime(t *testing.T, o Options) (report *Report, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		report, err = Run(t.Context(), o)
		synctest.Wait()
		time.Sleep(time.Hour) // until late messages have taken effect
	})
	return report, err
}

// The server is correct. Answers are lost, and messages take effect after their sender has stopped waiting.
func TestACorrectServerPasses(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newServer()
		s.loses = rapid.Float64Range(0, 0.3).Draw(rt, "loses")
		s.errors = rapid.Float64Range(0, 0.1).Draw(rt, "errors")
		o := usualLoad(s)
		o.Messages = 500
		o.Burst = rapid.IntRange(1, maxBurst).Draw(rt, "burst")
		o.InFlight = rapid.IntRange(o.Burst, 2*maxBurst).Draw(rt, "in flight")
		o.Conversations = rapid.IntRange(1, 5).Draw(rt, "conversations")
		o.FirstRace = rapid.Float64Range(0, 1).Draw(rt, "races")
		o.Resend = rapid.Float64Range(0, 1).Draw(rt, "resend")
		o.LoseCookies = rapid.Float64Range(0, 1).Draw(rt, "lose")
		report, err := runInFakeTime(t, o)
		if err != nil || !report.Proof.Holds {
			rt.Fatalf("%v: %v", err, report.Proof.Violations)
		}
		if s.beyond > 0 {
			rt.Fatalf("%d messages were repeated after 64 later ones", s.beyond)
		}
	})
}

// The proof detects each fault and reports its kind.
func TestAFaultyServerFails(t *testing.T) {
	rows := []struct {
		name  string
		wrong func(s *server, o *Options)
		want  Kind
	}{
		{"a burst shows that the server writes what it read before another write",
			func(s *server, o *Options) { s.overlaps, o.Resend = true, 0 }, LostUpdate},
		{"a race of first messages shows that the server finds sessions by the cookie",
			func(s *server, o *Options) { s.forks, o.LoseCookies = true, 0 }, ForkedSession},
		{"a lost cookie shows that the server finds sessions by the cookie",
			func(s *server, o *Options) { s.forks, o.Burst, o.FirstRace = true, 1, 0 }, ForkedSession},
		{"a repeat shows that the server does not detect repeats",
			func(s *server, o *Options) { s.forgets = true }, CountedTwice},
		{"a repeat shows that the server does not detect repeats, without bursts",
			func(s *server, o *Options) { s.forgets, o.Burst = true, 1 }, CountedTwice},
		{"a repeat shows that the server answers with the current count",
			func(s *server, o *Options) { s.corrects = true }, CountedTwice},
		{"a repeat shows that the server restores an earlier count",
			func(s *server, o *Options) { s.rewinds, o.Burst = true, 1 }, LostUpdate},
		{"a lost answer shows that the server counts a message again", func(s *server, o *Options) {
			s.forgets, s.loses, o.Burst, o.Resend, o.Conversations = true, 0.05, 1, 0.2, 200
		}, SkippedCount},
		{"later messages show that the server counts in another order",
			func(s *server, o *Options) { s.reorders, o.Burst, o.Resend = true, 1, 0 }, WentBack},
		{"an answer without a count is found",
			func(s *server, o *Options) { s.noCounts = true }, NoCount},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newServer()
			o := usualLoad(s)
			if report, err := runInFakeTime(t, o); err != nil || report.Err() != nil {
				t.Fatalf("the correct server fails: %v", report.Proof.Violations)
			}
			s = newServer()
			o.Phone = s.phone
			row.wrong(s, &o)
			report, err := runInFakeTime(t, o)
			if err != nil || report.Err() == nil || report.Proof.Found[row.want] == 0 {
				t.Errorf("%v: %s", err, report.Proof.Sentence)
			}
		})
	}
}

// The server gets the load that the options describe.
func TestRun(t *testing.T) {
	s := newServer()
	o := usualLoad(s)
	most, deliveries, cookieless := 0, 0, 0
	bodies := map[string]string{}
	s.atOnce = func(running int) { most = max(most, running) }
	s.delivered = func(m phone.Message) {
		deliveries++
		if m.Cookieless {
			cookieless++
		}
		if body, again := bodies[m.SID]; again && body != m.Body {
			t.Errorf("%s was sent as %q and as %q", m.SID, body, m.Body)
		}
		bodies[m.SID] = m.Body
	}
	report, err := runInFakeTime(t, o)
	if err != nil {
		t.Fatal(err)
	}
	a := report.Asked
	if most != o.InFlight {
		t.Errorf("%d deliveries at once", most)
	}
	if len(bodies) != o.Messages || a.Messages != o.Messages || report.Proof.Counted != o.Messages {
		t.Errorf("%d messages arrived, %d are reported, %d are counted", len(bodies), a.Messages, report.Proof.Counted)
	}
	if repeats := a.RepeatsAtOnce + a.RepeatsLater; deliveries != a.Messages+repeats ||
		report.Deliveries != int64(deliveries) {
		t.Errorf("%d deliveries arrived, %d are reported, %d of them repeats", deliveries, report.Deliveries, repeats)
	} else if report.Proof.Repeats != repeats || report.Proof.Silent > 0 {
		t.Errorf("%d of %d repeats are compared", report.Proof.Repeats, repeats)
	}
	if cookieless != a.CookiesLost || cookieless == 0 {
		t.Errorf("%d cookies were lost, %d are reported", cookieless, a.CookiesLost)
	}
	if a.Bursts <= a.FirstRaces || a.FirstRaces == 0 || a.RepeatsAtOnce == 0 || a.RepeatsLater == 0 ||
		a.Conversations != o.Conversations {
		t.Errorf("asked %+v", a)
	}
}

func TestAFirstMessageLosesNoCookie(t *testing.T) {
	o := usualLoad(newServer())
	o.Conversations, o.Messages, o.LoseCookies, o.FirstRace = 1, 1, 1, 0
	if report, err := runInFakeTime(t, o); err != nil || report.Asked.CookiesLost != 0 {
		t.Errorf("%v, %+v", err, report)
	}
}

// At most 7 messages of a conversation are newer than a repeat, those of its own round included.
func TestRepeats(t *testing.T) {
	s := newServer()
	o := usualLoad(s)
	o.Messages, o.Conversations, o.Burst, o.Resend = longest, 1, 5, 1
	newest, seen, newer := int64(0), map[string]bool{}, map[int64]bool{}
	s.delivered = func(m phone.Message) {
		n, err := strconv.ParseInt(m.SID[18:], 16, 64)
		if err != nil {
			t.Error(err)
		}
		if newest = max(newest, n); seen[m.SID] {
			newer[newest-n] = true
		}
		seen[m.SID] = true
	}
	if _, err := runInFakeTime(t, o); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(newer)); !slices.Equal(got, []int64{0, 1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("%v", got)
	}
}

func TestAShortRunHasLaterMessages(t *testing.T) {
	o := usualLoad(newServer())
	o.Conversations, o.Messages, o.Burst = 1000, 200, 1
	if report, err := runInFakeTime(t, o); err != nil || report.Asked.Conversations > 150 {
		t.Errorf("%v, %+v", err, report)
	}
}

func TestWithoutFaultsNothingOverlaps(t *testing.T) {
	s := newServer()
	o := usualLoad(s)
	o.Burst, o.Resend, o.FirstRace, o.Conversations = 1, 0, 1, 1
	s.atOnce = func(running int) {
		if running > 1 {
			t.Errorf("%d at once", running)
		}
	}
	if report, err := runInFakeTime(t, o); err != nil || report.Asked.Bursts+report.Asked.FirstRaces > 0 {
		t.Errorf("%v, %+v", err, report)
	}
}

func TestTheLastBurstIsSmaller(t *testing.T) {
	o := usualLoad(newServer())
	o.Messages, o.FirstRace = 7, 1
	if report, err := runInFakeTime(t, o); err != nil || report.Asked.Messages != 7 || report.Asked.Bursts != 2 {
		t.Errorf("%v, %+v", err, report)
	}
}

func TestALongConversationIsReplaced(t *testing.T) {
	s := newServer()
	o := usualLoad(s)
	o.Conversations, o.Messages = 1, 3*longest
	if report, err := runInFakeTime(t, o); err != nil || !report.Proof.Holds || report.Asked.Conversations < 3 {
		t.Errorf("%v, %+v", err, report)
	}
}

func TestDuration(t *testing.T) {
	s := newServer()
	o := usualLoad(s)
	o.Messages, o.Duration = 0, new(10*time.Second)
	report, err := runInFakeTime(t, o)
	if err != nil || report.Seconds < 10 || report.Seconds > 10.2 || report.Interrupted || report.Err() != nil {
		t.Errorf("%v, %+v", err, report)
	}
}

// The rate is ten messages a second. The phones send one message at a time, and each takes a second. The last message
// is due after 0.9 s and is answered after 10 s.
func TestLatencyCountsFromDueTime(t *testing.T) {
	o := usualLoad(newServer())
	o.Rate, o.Messages, o.InFlight, o.Conversations, o.Burst, o.Resend = 10, 10, 1, 10, 1, 0
	o.Phone = func(string) (Sender, error) { return slowPhone{}, nil }
	report, err := runInFakeTime(t, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name      string
		got, want float64
	}{{"p50", report.Latency.P50, 4600}, {"max", report.Latency.Max, 9100}, {"seconds", report.Seconds, 10}} {
		if row.got < row.want*0.99 || row.got > row.want*1.01 {
			t.Errorf("%s: %v, not %v", row.name, row.got, row.want)
		}
	}
}

// slowPhone is a phone whose messages are answered after a second.
type slowPhone struct{}

func (slowPhone) Send(context.Context, phone.Message) *phone.Delivery {
	time.Sleep(time.Second)
	return &phone.Delivery{Replies: []phone.Reply{{Body: "Hello, thanks for the new message."}}}
}

func TestRate(t *testing.T) {
	s := newServer()
	o := usualLoad(s)
	o.Rate, o.Messages = 100, 1000
	if report, err := runInFakeTime(t, o); err != nil || report.Seconds < 9 || report.Seconds > 11 ||
		report.Err() != nil {
		t.Errorf("%v, %+v", err, report)
	}
}

// The server stops answering. The deliveries that are cut off are neither answers nor errors.
func TestAnInterruptedRunReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		o := usualLoad(s)
		ctx, interrupt := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, func() {
			s.mu.Lock()
			s.slow = 1000 * time.Hour
			s.mu.Unlock()
		})
		time.AfterFunc(6*time.Second, interrupt)
		o.Messages, o.Duration = 0, new(time.Hour)
		report, err := Run(ctx, o)
		if err != nil || report.Err() != nil || !report.Interrupted || report.CutOff < o.InFlight ||
			report.Seconds != 8 {
			t.Errorf("%v, %+v", err, report)
		}
		if report.Proof.Unanswered == 0 || report.Proof.Counted == 0 {
			t.Errorf("%+v", report.Proof)
		}
	})
}

func TestAnErrorIsReportedByItsCode(t *testing.T) {
	s := newServer()
	s.errors = 0.1
	report, err := runInFakeTime(t, usualLoad(s))
	if err != nil || report.Err() == nil || !report.Proof.Holds {
		t.Fatalf("%v, %+v", err, report.Proof)
	}
	if len(report.Errors) != 1 || report.Errors[0].Code != 11217 || int64(report.Errors[0].Count) != report.Failed {
		t.Errorf("%+v of %d", report.Errors, report.Failed)
	}
}

func TestAWarningIsNoError(t *testing.T) {
	o := usualLoad(newServer())
	o.Expect, o.Phone = expects(ExpectNone), func(string) (Sender, error) { return warned{}, nil }
	if report, err := runInFakeTime(t, o); err != nil || report.Err() != nil || len(report.Errors) > 0 {
		t.Errorf("%v, %+v", err, report)
	}
}

type warned struct{}

func (warned) Send(context.Context, phone.Message) *phone.Delivery {
	return &phone.Delivery{Findings: []phone.Finding{{Code: 12200, Warning: true}}}
}

func TestPhoneErrorEndsTheRun(t *testing.T) {
	o := usualLoad(newServer())
	broken := errors.New("broken")
	o.Phone = func(string) (Sender, error) { return nil, broken }
	if report, err := runInFakeTime(t, o); !errors.Is(err, broken) || report != nil {
		t.Errorf("%v, %+v", err, report)
	}
}

func TestProgressEndsWithTheRun(t *testing.T) {
	o := usualLoad(newServer())
	var written strings.Builder
	o.Messages, o.Duration, o.Progress = 0, new(10500*time.Millisecond), &written
	if report, err := runInFakeTime(t, o); err != nil || report.Err() != nil ||
		strings.Count(written.String(), " deliveries ") != 2 {
		t.Errorf("%v, %q", err, written.String())
	}
}
