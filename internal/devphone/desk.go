package devphone

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"smsession/internal/phone"
)

const (
	// maxPhones is more than anybody looks at, and bounds what the page keeps.
	maxPhones = 20

	// maxNumber is what the service takes, in bytes.
	maxNumber = 256
)

// desk holds the phones, in the order in which they came.
type desk struct {
	mu       sync.Mutex
	handsets []*handset
	last     int // the number of the last one
}

// state is everything that a page which has just been loaded shows.
func (p *Page) state(*http.Request) (any, error) {
	p.desk.mu.Lock()
	handsets := slices.Clone(p.desk.handsets)
	p.desk.mu.Unlock()
	views := make([]handsetView, 0, len(handsets))
	for _, h := range handsets {
		views = append(views, h.view())
	}
	return map[string]any{"phones": views}, nil
}

// open puts a phone on the desk, with a number that was typed or one that is made up.
func (p *Page) open(r *http.Request) (any, error) {
	var in struct{ From string }
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	from := strings.TrimSpace(in.From)
	if from == "" {
		from = p.desk.free()
	}
	h, err := p.add(from)
	if err != nil {
		return nil, err
	}
	return h.view(), nil
}

// close takes a phone off the desk. What Redis holds of its conversation stays.
func (p *Page) close(r *http.Request) (any, error) {
	var in struct{ Phone string }
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	p.desk.mu.Lock()
	defer p.desk.mu.Unlock()
	before := len(p.desk.handsets)
	p.desk.handsets = slices.DeleteFunc(p.desk.handsets, func(h *handset) bool { return h.id == in.Phone })
	if len(p.desk.handsets) == before {
		return nil, noPhone()
	}
	return struct{}{}, nil
}

func noPhone() error { return fault{http.StatusNotFound, "There is no such phone."} }

// find returns the phone of that name.
func (p *Page) find(id string) (*handset, error) {
	p.desk.mu.Lock()
	defer p.desk.mu.Unlock()
	for _, h := range p.desk.handsets {
		if h.id == id {
			return h, nil
		}
	}
	return nil, noPhone()
}

func (p *Page) add(from string) (*handset, error) {
	if from == "" || len(from) > maxNumber || strings.ContainsFunc(from, unicode.IsControl) {
		return nil, fault{http.StatusBadRequest, "A number has 1 to 256 bytes and no control characters."}
	}
	from, to := phone.Pair(from, p.To)
	device, err := phone.New(phone.Options{
		From:       from,
		To:         to,
		AuthToken:  p.AuthToken,
		AccountSID: p.AccountSID,
		Webhook:    phone.Endpoint{URL: p.PublicURL + "/sms", Address: p.URL + "/sms"},
		Fallback:   phone.Endpoint{URL: p.PublicURL + "/sms/fallback", Address: p.URL + "/sms/fallback"},
		Network:    &p.network,
		Trace:      true,
	})
	if err != nil {
		return nil, fault{http.StatusBadRequest, "There is no phone with this number: " + err.Error() + "."}
	}
	return p.desk.add(&handset{from: from, to: to, phone: device})
}

func (d *desk) add(h *handset) (*handset, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.has(h.from):
		return nil, fault{http.StatusConflict, "This number has a phone already."}
	case len(d.handsets) == maxPhones:
		return nil, fault{http.StatusConflict, "There are 20 phones already: close one."}
	}
	d.last++
	h.id = strconv.Itoa(d.last)
	d.handsets = append(d.handsets, h)
	return h, nil
}

func (d *desk) has(from string) bool {
	return slices.ContainsFunc(d.handsets, func(h *handset) bool { return h.from == from })
}

// free is a number without a phone, of those that are set aside for fiction: 555-0100 to 555-0199.
// See https://nationalnanpa.com/number_resource_info/555_numbers.html.
func (d *desk) free() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n := 43; ; n++ { // begins beside the number of the guide; there are more numbers than phones
		if from := fmt.Sprintf("+1202555%04d", 100+n%100); !d.has(from) {
			return from
		}
	}
}
