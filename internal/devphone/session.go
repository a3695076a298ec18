package devphone

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/inspect"
)

// sessionView is a conversation as both sides hold it this moment: the phone's cookies, and the record in Redis.
type sessionView struct {
	Last    int              `json:"last"` // the number of the phone's last entry
	Now     time.Time        `json:"now"`  // by the phone's clock
	Cookies []cookies.Cookie `json:"cookies"`
	Line    string           `json:"line"` // for a shell, shows the same record
	Record  *recordView      `json:"record"`
}

// recordView is the live record. Its times are not the phone's.
type recordView struct {
	Key    string `json:"key"`
	Raw    string `json:"raw"`    // as it stands in Redis
	Pretty string `json:"pretty"` // the same in lines, where it is JSON
	TTL    int64  `json:"ttl_ms"` // 0 for ever
}

func (p *Page) session(r *http.Request) (any, error) {
	h, err := p.find(r.URL.Query().Get("phone"))
	if err != nil {
		return nil, err
	}
	snapshot, _, err := inspect.Read(r.Context(), p.Pool, p.keys, h.to, h.from)
	if err != nil {
		return nil, err
	}
	// The number comes after the record: a change that the page made itself is never one of somebody else's.
	view := sessionView{
		Last: h.number(), Now: h.phone.Now(), Cookies: h.phone.Cookies(), Line: p.ReadRecord(h.to, h.from),
	}
	if snapshot.Record != nil {
		view.Record = &recordView{
			Key: p.keys.Session(snapshot.Pointer), Raw: string(snapshot.Record), Pretty: pretty(snapshot.Record),
		}
		if snapshot.RecordTTL != inspect.Forever {
			view.Record.TTL = snapshot.RecordTTL.Milliseconds()
		}
	}
	return view, nil
}

// pretty breaks JSON into lines and changes nothing else of it.
func pretty(raw []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}
