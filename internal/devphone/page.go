package devphone

import (
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/phone"
	"smsession/internal/session"
)

// Options are what a Page needs; all fields but Hosts and AdvancedOptOut are required.
type Options struct {
	URL       string // where the service is on this host, without /sms
	PublicURL string // what its signatures are made over, without /sms
	AuthToken string
	// AccountSID is whose messages they are.
	AccountSID string
	From, To   string // of the phone that is there from the start; every other phone texts To as well
	// AdvancedOptOut says that only OptOutType marks a STOP, as Twilio's Advanced Opt-Out adds it.
	AdvancedOptOut bool

	Pool        *redis.Pool   // the service's Redis
	Redis       string        // its address, to be shown
	Prefix      string        // of its keys
	IdleTimeout time.Duration // of its sessions
	// ReadRecord is a line for a shell that prints the record of a conversation.
	ReadRecord func(to, from string) string

	// Hosts are the names and addresses at which every peer may use the page. At a loopback name or address, only a
	// peer on this host may.
	Hosts []string
}

// Page is the page and the phones on it. It is safe for concurrent use.
type Page struct {
	Options
	keys    session.Keys
	network phone.Network
	desk    desk
	html    []byte
}

// New returns a Page with one phone. It contacts nothing. The error is the phone's, or names a fault of the page.
func New(o Options) (*Page, error) {
	html, err := render(o)
	if err != nil {
		return nil, fmt.Errorf("make the page: %w", err)
	}
	p := &Page{Options: o, keys: session.Keys{Prefix: o.Prefix}, html: html}
	if _, err := p.add(o.From); err != nil {
		return nil, fmt.Errorf("make the first phone: %w", err)
	}
	return p, nil
}

// Close closes the phones' idle connections.
func (p *Page) Close() { p.network.Close() }

// Routes adds the page at / and the rest of it under /dev/.
func (p *Page) Routes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(p.guard)
		read(r, "/", p.show)
		for name, file := range files() {
			read(r, "/dev/"+name, file)
		}
		read(r, "/dev/state", answer(p.state))
		read(r, "/dev/message", answer(p.message))
		read(r, "/dev/session", answer(p.session))
		r.Post("/dev/phones", answer(p.open))
		r.Post("/dev/close", answer(p.close))
		r.Post("/dev/send", answer(p.send))
		r.Post("/dev/lose", answer(p.lose))
		r.Post("/dev/skip", answer(p.skip))
	})
}

func read(r chi.Router, path string, h http.HandlerFunc) {
	r.Get(path, h)
	r.Head(path, h)
}
