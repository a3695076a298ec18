package load

import (
	"errors"
	"sync/atomic"
	"testing"

	"smsession/internal/phone"
)

// The two messages come before the load, and the report does not count them.
func TestTrial(t *testing.T) {
	rows := []struct {
		name, expect string
		resend       float64
		before       int // deliveries before the load
	}{
		{"two messages and a repeat come first", ExpectAuto, 0.5, 3},
		{"two messages come first if nothing is to be repeated", ExpectAuto, 0, 2},
		{"no message comes first if count is expected", ExpectCount, 0.5, 0},
		{"no message comes first if nothing is expected", ExpectNone, 0.5, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			s := newServer()
			o := usualLoad(s)
			o.Messages, o.Resend, o.Expect, o.FirstRace = 100, row.resend, expects(row.expect), 1
			var sids []string
			alone := 0 // deliveries until two overlapped for the first time
			s.delivered = func(m phone.Message) {
				if sids = append(sids, m.SID); s.running == 1 && alone == len(sids)-1 {
					alone++
				}
			}
			report, err := runInFakeTime(t, o)
			a := report.Asked
			if err != nil || report.Err() != nil || a.Messages != 100 ||
				len(sids)-row.before != a.Messages+a.RepeatsAtOnce+a.RepeatsLater ||
				report.Deliveries != int64(len(sids)-row.before) ||
				len(s.sessions)-min(row.before, 1) != a.Conversations {
				t.Errorf("%v, %v, %+v", err, report.Err(), report)
			}
			if row.before > 0 && report.Proof.Counted != a.Messages {
				t.Errorf("%d of %d are counted", report.Proof.Counted, a.Messages)
			}
			if alone < row.before || row.before == 3 && sids[1] != sids[2] {
				t.Errorf("%d deliveries before the load: %v", alone, sids[:3])
			}
		})
	}
}

// The load has no repeats by chance, but the webhook's bug is found.
func TestAShortLoadFindsARepeat(t *testing.T) {
	s := newServer()
	s.chats, s.forgets = true, true
	o := usualLoad(s)
	o.Messages, o.Resend, o.Expect = 1, 1e-9, expects(ExpectAuto)
	if report, err := runInFakeTime(t, o); err != nil || report.Proof.Found[AnotherReply] != 1 || report.Err() == nil {
		t.Errorf("%v, %+v", err, report.Proof)
	}
}

// The first message fails, so the two messages decide nothing.
func TestTheTextsComeLater(t *testing.T) {
	s := newServer()
	s.errors, s.forks = 1, true
	o := usualLoad(s)
	o.Expect = expects(ExpectAuto)
	deliveries := 0
	s.delivered = func(phone.Message) {
		if deliveries++; deliveries == 2 {
			s.errors = 0
		}
	}
	report, err := runInFakeTime(t, o)
	if err != nil || report.Failed > 0 || !report.Proof.Counting || report.Proof.Found[ForkedSession] == 0 {
		t.Errorf("%v, %+v", err, report.Proof)
	}
}

func TestTrialFollowsNoForeignRedirect(t *testing.T) {
	o := usualLoad(newServer())
	o.Expect = expects(ExpectAuto)
	sent := new(atomic.Int64)
	o.Phone = func(string) (Sender, error) { return notFollowed{sent}, nil }
	if report, err := runInFakeTime(t, o); !errors.Is(err, ErrNotFollowed) || report != nil || sent.Load() != 1 {
		t.Errorf("%v, %+v after %d messages", err, report, sent.Load())
	}
}
