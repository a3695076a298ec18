package session

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"smsession/internal/session/record"
)

// full is the number of messages of a conversation whose record no longer grows: one more message with a MessageSid
// like SMaaaaa replaces an entry of the same length. Only the revision then shows that the record has changed.
const full = 100

// revisionScenarios returns the scenarios for the rules of violation in which the record keeps its length.
func revisionScenarios() []scenario {
	return []scenario{
		{"two messages in a full record", 0, everyOrder, func(w *world) {
			conversationOf(w, full)
			w.deliver("SMaaaaa", running, false)
			w.deliver("SMbbbbb", "", false)
		}},
		{"two hits in a full record", 0, everyOrder, func(w *world) {
			conversationOf(w, full)
			w.deliver("SMaaaaa", running, false, cached(full))
			w.deliver("SMbbbbb", running, false, cached(full))
		}},
		{"a message in a full record, its repeat and a fault", 1, 3, func(w *world) {
			conversationOf(w, full)
			w.deliver("SMaaaaa", running, false)
			w.deliver("SMaaaaa", running, false, cached(full))
		}},
	}
}

// frontOf returns the front of a record.
func frontOf(text string) string {
	r, err := record.Parse([]byte(text))
	if err != nil {
		return ""
	}
	return string(r.Front())
}

// The rules must catch each naive use of the revision in at least one order.
func TestNaiveRevisions(t *testing.T) {
	skipUnderRace(t)
	for name, naive := range map[string]func(*world){
		"a revision that repeats":                    func(w *world) { w.model.anyRevision = true },
		"an old replica that writes a revision back": func(w *world) { w.oldFirst = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, s := range revisionScenarios() {
					begin := s.begin
					s.begin = func(w *world) {
						naive(w)
						begin(w)
					}
					if runs, violation := explore(s, newModel); violation != "" {
						t.Logf("caught by %q in order %d: %s", s.name, runs, violation)
						return
					}
				}
				t.Error("no order shows a violation")
			})
		})
	}
}

// edits are what an operator does by hand to a record with the field `"note":"old"`.
var edits = map[string]struct {
	change func(record string) string
	isLost bool // some order loses the edit
}{
	"that sets another revision": {func(record string) string {
		record = strings.Replace(record, frontOf(record), `{"revision":"00000000new"`, 1)
		return strings.Replace(record, `"old"`, `"new"`, 1)
	}, false},
	"that removes the revision": {func(record string) string {
		return strings.Replace(strings.Replace(record, frontOf(record)+",", "{", 1), `"old"`, `"new"`, 1)
	}, false},
	"that changes the length": {func(record string) string {
		return strings.Replace(record, `"old"`, `"new" `, 1)
	}, false},
	"that keeps the revision and the length": {func(record string) string {
		return strings.Replace(record, `"old"`, `"new"`, 1)
	}, true},
}

// An edit by hand must not be lost if it sets another revision, or if it changes the length of the record. An edit that
// changes neither is lost if a replica commits against the record from before it. The documentation says so.
func TestEditInterleavings(t *testing.T) {
	skipUnderRace(t)
	for name, edit := range edits {
		t.Run("an edit "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				runs, violation := exploreWith(scenario{"", 0, everyOrder, func(w *world) {
					conversationOf(w, full)
					noted := noted(w.model.keys["sms:session:"+running])
					w.model.keys["sms:session:"+running] = string(noted.Bytes())
					w.deliver("SMaaaaa", running, false, func(m *Manager) {
						m.cache.score.Store(maxScore)
						m.cache.add(running, nil, noted)
					})
					w.deliver("SMbbbbb", "", false)
					w.haunt("edit", func() (any, error) {
						w.model.keys["sms:session:"+running] = edit.change(w.model.keys["sms:session:"+running])
						return nil, nil
					})
				}}, newModel, (*world).lostEdit)
				if strings.HasPrefix(violation, "the edit is lost") != edit.isLost || !edit.isLost && violation != "" {
					t.Errorf("after %d orders: %s", runs, violation)
				}
			})
		})
	}
}

// noted returns a record with the field note. The field is not where a commit writes it, so the next commit writes the
// whole record.
func noted(text string) *record.Record {
	r, err := record.Parse([]byte(strings.Replace(text, `,"version"`, `,"note":"old","version"`, 1)))
	if err != nil {
		panic(err)
	}
	return r
}

// lostEdit describes which rule is broken. The edit is lost if the field note has its old value.
func (w *world) lostEdit() string {
	if violation := w.violation(); violation != "" {
		return violation
	}
	if text := w.model.keys["sms:session:"+running]; !strings.Contains(text, `"note":"new"`) {
		return fmt.Sprintf("the edit is lost: %s", text)
	}
	return ""
}
