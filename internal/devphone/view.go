package devphone

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/inspect"
	"smsession/internal/phone"
)

// deviceView is what the page shows of a phone.
type deviceView struct {
	ID      string           `json:"id"`
	From    string           `json:"from"`
	Now     time.Time        `json:"now"` // by the phone's clock
	Cookies []cookies.Cookie `json:"cookies"`
	Last    int              `json:"last"`              // the ID of the newest entry
	Entries []entry          `json:"entries,omitempty"` // of the log
}

func (d *device) view() deviceView {
	log, last := d.entries()
	return deviceView{ID: d.id, From: d.from, Now: d.phone.Now(), Cookies: d.phone.Cookies(), Last: last, Entries: log}
}

// state returns everything that the page shows after it was loaded.
func (p *Page) state(context.Context, request) (any, error) {
	views := []deviceView{}
	for _, d := range p.opened() {
		views = append(views, d.view())
	}
	return map[string]any{"phones": views}, nil
}

// message returns an entry of the log with its HTTP requests and responses.
func (p *Page) message(_ context.Context, d *device, in request) (any, error) {
	log, _ := d.entries()
	i := slices.IndexFunc(log, func(e entry) bool { return strconv.Itoa(e.ID) == in.Entry })
	if i < 0 {
		return nil, problem{http.StatusNotFound, "This message is no longer in the log."}
	}
	return struct {
		entry
		Exchanges []phone.Exchange `json:"exchanges"`
	}{log[i], log[i].exchanges}, nil
}

// sessionView is the present state of a conversation, on the phone and in Redis. Its Entries are empty.
type sessionView struct {
	deviceView
	Command string      `json:"command"` // prints the same record in a shell
	Record  *recordView `json:"record"`
}

// recordView is the live record. Its times are not by the phone's clock.
type recordView struct {
	Key    string `json:"key"`
	Raw    string `json:"raw"`    // byte for byte
	Pretty string `json:"pretty"` // with indentation, if it is JSON
	TTL    int64  `json:"ttl_ms"` // 0 for a record that does not expire
}

// session returns the present state of a phone's conversation.
func (p *Page) session(ctx context.Context, d *device, _ request) (any, error) {
	snapshot, _, err := inspect.Read(ctx, p.Pool, p.keys, d.to, d.from)
	if err != nil {
		return nil, err
	}
	// The log is read after the record. The page can therefore tell its own changes of the record from those of others.
	view := sessionView{deviceView: d.view(), Command: p.ReadRecord(d.to, d.from)}
	view.Entries = nil
	if snapshot.Record != nil {
		var pretty bytes.Buffer
		if json.Indent(&pretty, snapshot.Record, "", "  ") != nil {
			pretty.Write(snapshot.Record)
		}
		view.Record = &recordView{Key: p.keys.Session(snapshot.Pointer), Raw: string(snapshot.Record), Pretty: pretty.String()}
		if snapshot.RecordTTL != inspect.Forever {
			view.Record.TTL = snapshot.RecordTTL.Milliseconds()
		}
	}
	return view, nil
}
