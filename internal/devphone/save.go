package devphone

import (
	"encoding/json"
	"fmt"
	"time"

	"smsession/internal/cookies"
	"smsession/internal/phone"
)

// savedPage is what Save keeps of a page.
type savedPage struct {
	LastID  int           `json:"last_id"`
	Hidden  int           `json:"hidden"`
	Devices []savedDevice `json:"phones"`
}

// savedDevice is what Save keeps of a phone. The entries are as in /dev/state: without the requests and the calls of
// the app, which are 100 times as large.
type savedDevice struct {
	ID       string           `json:"id"`
	From     string           `json:"from"`
	To       string           `json:"to"`
	IsGuest  bool             `json:"elsewhere"`
	Skipped  time.Duration    `json:"skipped_ns"`
	OptedOut bool             `json:"opted_out"`
	Cookies  []cookies.Cookie `json:"cookies"`
	LastID   int              `json:"last"`
	Log      []entry          `json:"entries"`
}

// Save returns the phones and their messages, for Options.Saved. It returns the same bytes until something changes.
func (p *Page) Save() ([]byte, error) {
	p.mu.Lock()
	saved := savedPage{LastID: p.lastID, Hidden: p.hidden}
	p.mu.Unlock()
	for _, d := range p.opened() {
		log, lastID := d.entries()
		saved.Devices = append(saved.Devices, savedDevice{
			ID: d.id, From: d.from, To: d.to, IsGuest: d.isGuest, Skipped: d.phone.Skipped(),
			OptedOut: d.phone.OptedOut(), Cookies: d.phone.Cookies(), LastID: lastID, Log: log,
		})
	}
	return json.Marshal(saved)
}

// restore opens the phones that Save has returned. A message that was being delivered then has an error as its outcome.
func (p *Page) restore(text []byte) error {
	var saved savedPage
	if err := json.Unmarshal(text, &saved); err != nil {
		return fmt.Errorf("read the saved phones: %w", err)
	}
	p.lastID, p.hidden = saved.LastID, saved.Hidden
	for _, s := range saved.Devices {
		simulated, err := p.simulate(phone.Options{
			From: s.From, To: s.To, Skipped: s.Skipped, OptedOut: s.OptedOut, Cookies: s.Cookies,
		})
		if err != nil {
			return fmt.Errorf("open a saved phone: %w", err)
		}
		d := &device{
			id: s.ID, from: s.From, to: s.To, phone: simulated, isGuest: s.IsGuest, revision: &p.revision,
			log: s.Log, lastID: s.LastID,
		}
		for i := range d.log {
			e := &d.log[i]
			e.revision = p.revision.Add(1)
			if e.Message != nil && e.Outcome == nil {
				ended := phone.Finding{Detail: "smsession dev ended before the answer."}
				e.Outcome = &outcome{Replies: []phone.Reply{}, Findings: []phone.Finding{ended}}
			}
		}
		p.devices = append(p.devices, d)
	}
	return nil
}
