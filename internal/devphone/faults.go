package devphone

import (
	"net/http"
	"time"

	"smsession/internal/inspect"
)

// maxHours is the longest that may pass at once: 30 days.
const maxHours = 720

// lose empties the cookie jar that Twilio would keep for the phone.
func (p *Page) lose(r *http.Request) (any, error) {
	var in struct{ Phone string }
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	h, err := p.find(in.Phone)
	if err != nil {
		return nil, err
	}
	h.phone.LoseCookies()
	return map[string]any{"entries": []entry{h.note(entry{Kind: kindLose})}}, nil
}

// skip lets time pass for one conversation, on the phone and in Redis. Nobody else's gets older.
func (p *Page) skip(r *http.Request) (any, error) {
	var in struct {
		Phone string
		Hours int
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	h, err := p.find(in.Phone)
	if err != nil {
		return nil, err
	}
	if in.Hours < 1 || in.Hours > maxHours {
		return nil, fault{http.StatusBadRequest, "The hours are a whole number from 1 to 720."}
	}
	d := time.Duration(in.Hours) * time.Hour
	// Redis first: if it does not answer, nothing has happened.
	if err := inspect.Age(r.Context(), p.Pool, p.keys, h.to, h.from, d); err != nil {
		return nil, err
	}
	h.phone.Skip(d)
	return map[string]any{"entries": []entry{h.note(entry{Kind: kindSkip, Hours: in.Hours})}}, nil
}
