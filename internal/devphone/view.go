package devphone

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"smsession/internal/gsm"
	"smsession/internal/inspect"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

// view returns the state of a phone, as the page shows it, with the entries of its log that have changed after a
// revision of the page.
func (d *device) view(after int64) map[string]any {
	log, last := d.entries()
	log = slices.DeleteFunc(log, func(e entry) bool { return e.revision <= after })
	return map[string]any{
		"id": d.id, "from": d.from, "to": d.to, "elsewhere": d.isGuest,
		"now": d.phone.Now(), "cookies": d.phone.Cookies(), // by the phone's clock
		"opted_out": d.phone.OptedOut(),
		"last":      last, "entries": log,
	}
}

// state returns all phones, with the entries that have changed after a revision. It returns the revision of what it
// returns, and the run: with another run, the service was started again, and the revisions begin again.
func (p *Page) state(_ context.Context, in request) (any, error) {
	revision := p.revision.Load() // before the phones are read, so that no change is missed
	views := []any{}
	for _, d := range p.opened() {
		views = append(views, d.view(in.After))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addReplicas(map[string]any{
		"run": p.run, "revision": revision, "hidden": p.hidden, "phones": views,
	}), nil
}

// segments returns how a text would be split into segments.
func (p *Page) segments(_ context.Context, in request) (any, error) {
	return map[string]any{"characters": utf8.RuneCountInString(in.Body), "segments": gsm.Split(in.Body)}, nil
}

// message returns the outcome of an entry of the log, with its HTTP requests and responses, and with the calls of the
// app if there is an app.
func (p *Page) message(_ context.Context, d *device, in request) (any, error) {
	log, _ := d.entries()
	i := slices.IndexFunc(log, func(e entry) bool { return strconv.Itoa(e.ID) == in.Entry })
	if i < 0 {
		return nil, noSuchEntry
	}
	view := map[string]any{"kind": log[i].Kind, "outcome": log[i].Outcome, "exchanges": log[i].exchanges}
	if p.App != (weburl.URL{}) && log[i].Message != nil {
		view["calls"] = p.callsFor(d, log[i], log[i+1:])
	}
	return view, nil
}

// callsFor returns the calls of the app for one delivery of a message. The calls for a later delivery of the same
// message do not belong to it. later are the later entries of the log.
func (p *Page) callsFor(d *device, e entry, later []entry) []call {
	sid, last := e.Message.SID, math.MaxInt
	for _, other := range later {
		if other.Message != nil && other.Message.SID == sid {
			last = other.lastCall
			break
		}
	}
	all := p.calls.of(sid, e.lastCall, last)
	sent := twilio.Message{From: d.from, To: d.to, Body: e.Message.Body, OptOutType: e.Message.OptOutType}
	isStop := sent.Keyword(p.OptOut) == twilio.KeywordStop
	for i := range all {
		all[i].HasEnded = all[i].Fault == "" && (all[i].HasEnded || isStop)
	}
	return all
}

// session returns what the phone knows about its conversation (without the log) and what Redis contains.
func (p *Page) session(ctx context.Context, d *device, _ request) (any, error) {
	snapshot, _, err := inspect.Read(ctx, p.Pool, p.Keys, d.to, d.from)
	if err != nil {
		return nil, err
	}
	// The log is read after the record, so that the page can distinguish its own changes of the record from other
	// changes.
	view := d.view(math.MaxInt64)
	delete(view, "entries")
	view["run"], view["revision"] = p.run, p.revision.Load()
	view["command"] = p.ReadRecord(d.to, d.from)
	if snapshot.Record.Text == nil {
		return view, nil
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, snapshot.Record.Text, "", "  ") != nil {
		pretty.Write(snapshot.Record.Text) // it is not JSON
	}
	ttl := int64(0) // for a record that does not expire
	if snapshot.Record.TTL != inspect.Forever {
		ttl = snapshot.Record.TTL.Milliseconds()
	}
	view["record"] = map[string]any{
		"key": p.Keys.Session(string(snapshot.Pointer.Text)), "ttl_ms": ttl,
		"raw": string(snapshot.Record.Text), "pretty": pretty.String(),
	}
	return view, nil
}
