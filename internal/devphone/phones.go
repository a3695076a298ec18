package devphone

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"smsession/internal/phone"
	"smsession/internal/usage"
	"smsession/internal/weburl"
)

// These limits bound the memory that the page uses.
const (
	maxPhones = 20 // that the person opens
	maxGuests = 30 // for messages from elsewhere
)

// maxRepeats is how many of the latest messages a phone compares repeats with. The button repeats only the last one.
const maxRepeats = 8

// open adds a phone with the number that usage.ParseAddress returns. If the request has no number, the phone gets a
// fictitious one.
func (p *Page) open(_ context.Context, in request) (any, error) {
	from := p.unusedNumber()
	if typed := strings.TrimSpace(in.From); typed != "" {
		if strings.ContainsFunc(typed, unicode.IsControl) {
			return nil, badNumber
		}
		address, err := usage.ParseAddress(typed)
		if err != nil {
			return nil, problem("The number " + err.Error() + ".")
		}
		from = address.Number
	}
	d, err := p.newDevice(from)
	if err != nil {
		return nil, err
	}
	return d.view(0), nil
}

// close removes a phone. Its conversation stays in Redis.
func (p *Page) close(_ context.Context, d *device, _ request) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.devices = slices.DeleteFunc(p.devices, func(other *device) bool { return other == d })
	if d.isGuest {
		p.hidden = 0
	}
	p.revision.Add(1)
	return struct{}{}, nil
}

// onDevice returns a handler that finds the phone of the request.
func (p *Page) onDevice(handle func(context.Context, *device, request) (any, error)) handler {
	return func(ctx context.Context, in request) (any, error) {
		devices := p.opened()
		i := slices.IndexFunc(devices, func(d *device) bool { return in.Phone == d.id || in.Phone == d.from })
		if i < 0 {
			return nil, noSuchPhone
		}
		return handle(ctx, devices[i], in)
	}
}

// opened returns the phones that are open.
func (p *Page) opened() []*device {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.devices)
}

// newDevice adds a phone with the number from. Its error is a problem.
func (p *Page) newDevice(from string) (*device, error) {
	from, to := phone.Pair(from, p.Phone.To)
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(p.devices, func(d *device) bool { return d.from == from }) {
		return nil, numberTaken
	}
	return p.add(from, to, false)
}

// guest returns the phone of a message from elsewhere. If there is none, it adds one. It returns nil if there are too
// many.
func (p *Page) guest(from, to string) *device {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.devices, func(d *device) bool { return d.from == from && d.to == to })
	if i >= 0 {
		return p.devices[i]
	}
	d, err := p.add(from, to, true)
	if err != nil {
		p.hidden++
		p.revision.Add(1)
	}
	return d
}

// add adds a phone. The caller must hold p.mu. The error is a problem.
func (p *Page) add(from, to string, isGuest bool) (*device, error) {
	simulated, err := p.simulate(phone.Options{From: from, To: to})
	if err != nil {
		return nil, problem("A phone with this number is not possible: " + err.Error() + ".")
	}
	others, limit := 0, maxPhones
	if isGuest {
		limit = maxGuests
	}
	for _, d := range p.devices {
		if d.isGuest == isGuest {
			others++
		}
	}
	if others >= limit {
		return nil, tooMany
	}
	p.lastID++
	d := &device{
		id: strconv.Itoa(p.lastID), from: from, to: to, phone: simulated, isGuest: isGuest, revision: &p.revision,
	}
	p.devices = append(p.devices, d)
	p.revision.Add(1)
	return d, nil
}

// simulate returns a new phone with the options of this page. It takes those that differ between phones from o.
func (p *Page) simulate(o phone.Options) (*phone.Phone, error) {
	all := p.Phone
	all.From, all.To, all.Skipped, all.OptedOut, all.Cookies = o.From, o.To, o.Skipped, o.OptedOut, o.Cookies
	all.Network, all.Trace = &p.network, true
	all.OptOut, all.Repeats = p.OptOut, maxRepeats
	// The service makes the relative URLs of the app's documents absolute, so an action leads to the app.
	all.Follow = func(server string) bool { return weburl.Split(server).SameOrigin(p.App) }
	return phone.New(all)
}

// unusedNumber returns a number without a phone, in the range 555-0100 to 555-0199, which is reserved for fiction.
// See https://nationalnanpa.com/number_resource_info/555_numbers.html.
func (p *Page) unusedNumber() string {
	devices := p.opened()
	for n := 143; ; n++ { // the first phone of `smsession dev` has 143; there are more numbers than phones
		from := fmt.Sprintf("+12025550%03d", 100+n%100)
		if !slices.ContainsFunc(devices, func(d *device) bool { return d.from == from }) {
			return from
		}
	}
}
