package app_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"smsession/internal/app"
	"smsession/internal/conversation"
)

// The words of the contract.
const faults = "unreachable timeout broken status redirect no_content_type content_type not_twiml too_large " +
	"too_many_documents cookies not_json data replies"

func TestFaults(t *testing.T) {
	var words []string
	for _, fault := range app.Faults() {
		words = append(words, fault.Error())
	}
	if !slices.Equal(words, strings.Fields(faults)) {
		t.Errorf("the faults are %q", words)
	}
}

// Every series exists from the start.
func TestMetrics(t *testing.T) {
	handler := answers(204, "", "")
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) { handler(w, r) })
	k := newKit(t, s.URL+"/sms", nil)
	expect := func(ok, faulty float64) {
		t.Helper()
		want := map[string]float64{
			"smsession_app_calls_total ok": ok, "smsession_app_calls_total fault": faulty,
			"smsession_app_calls_total waited": 0, "smsession_app_duration_seconds": ok + faulty,
			"smsession_app_in_flight": 0, "smsession_app_in_flight_max": 4, "smsession_app_retries_total": 0,
		}
		for word := range strings.FieldsSeq(faults) {
			want["smsession_app_faults_total "+word] = 0
		}
		want["smsession_app_faults_total status"] = faulty
		if got := k.series(t); !maps.Equal(got, want) {
			t.Errorf("the series are %v, want %v", got, want)
		}
	}
	expect(0, 0)
	k.respond(t, conversation.State{}, newMessage("hello"))
	expect(1, 0)
	handler = answers(500, "", "")
	k.fault(t.Context(), t)
	expect(1, 1)
	t.Run("a call that did not begin is counted", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // a quarter of the time-out is 2 s
		defer cancel()
		_, _, err := k.Respond(ctx, conversation.State{}, newMessage("hello"))
		if got := k.series(t)["smsession_app_calls_total waited"]; got != 1 || err != conversation.ErrWaited {
			t.Errorf("%v calls waited, %v", got, err)
		}
	})
}
