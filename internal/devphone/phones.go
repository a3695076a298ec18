package devphone

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"smsession/internal/phone"
)

// maxPhones limits the memory that the page uses. Fewer phones fit on a screen.
const maxPhones = 20

// open adds a phone. If the request has no number, the phone gets a fictitious one.
func (p *Page) open(_ context.Context, in request) (any, error) {
	d, err := p.newDevice(cmp.Or(strings.TrimSpace(in.From), p.unusedNumber()))
	if err != nil {
		return nil, err
	}
	return d.view(), nil
}

// close removes a phone. Its conversation stays in Redis.
func (p *Page) close(_ context.Context, d *device, _ request) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.devices = slices.DeleteFunc(p.devices, func(other *device) bool { return other == d })
	return struct{}{}, nil
}

// onDevice returns a handler that finds the phone of the request.
func (p *Page) onDevice(handle func(context.Context, *device, request) (any, error)) handler {
	return func(ctx context.Context, in request) (any, error) {
		devices := p.opened()
		i := slices.IndexFunc(devices, func(d *device) bool { return d.id == in.Phone })
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
	if strings.ContainsFunc(from, unicode.IsControl) {
		return nil, badNumber
	}
	o := p.Phone
	o.From, o.To = phone.Pair(from, p.Phone.To)
	o.Network, o.Trace = &p.network, true
	simulated, err := phone.New(o)
	if err != nil {
		return nil, problem("A phone with this number is not possible: " + err.Error() + ".")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case slices.ContainsFunc(p.devices, func(d *device) bool { return d.from == o.From }):
		return nil, numberTaken
	case len(p.devices) == maxPhones:
		return nil, tooMany
	}
	p.lastID++
	d := &device{id: strconv.Itoa(p.lastID), from: o.From, to: o.To, phone: simulated}
	p.devices = append(p.devices, d)
	return d, nil
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
