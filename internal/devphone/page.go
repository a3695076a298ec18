// Package devphone is the page of `smsession dev`. It has phones in the browser. Next to them, it shows the HTTP
// requests of the last message and the live record in Redis. The phones are those of internal/phone. They and the auth
// token stay in this process: the browser only shows them and presses their buttons.
//
// The page is not a part of the service and decides nothing about messages.
package devphone

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/duration"
	"smsession/internal/phone"
	"smsession/internal/session/record"
)

// assets has the page, which is a template, and the files that it loads.
//
//go:embed assets
var assets embed.FS

// Options are what a Page needs. All fields but AdvancedOptOut and Hosts are required.
type Options struct {
	// Phone has the options of the first phone. All other phones differ from it only in From, and send to the same To.
	Phone phone.Options
	// AdvancedOptOut sends STOP with an OptOutType, as Twilio's Advanced Opt-Out does.
	AdvancedOptOut bool

	Pool        *redis.Pool   // of the service's Redis
	Redis       string        // the address of that Redis, to be shown
	Keys        record.Keys   // of the service
	IdleTimeout time.Duration // of the service's sessions
	// ReadRecord returns a shell command that prints the record of a conversation.
	ReadRecord func(to, from string) string

	// Hosts are the names and addresses at which clients on every host may use the page. At a loopback name or address,
	// only clients on this host may.
	Hosts []string
}

// Page is the page and its phones. It is safe for concurrent use.
type Page struct {
	Options
	network phone.Network
	html    *template.Template

	mu      sync.Mutex
	devices []*device // in the order in which they were opened
	lastID  int       // the ID of the newest device
}

// New returns a Page with one phone. It opens no connection. It is an error if the phone's options are wrong.
func New(o Options) (*Page, error) {
	html, err := template.ParseFS(assets, "assets/page.html")
	if err != nil {
		return nil, fmt.Errorf("parse the page: %w", err)
	}
	p := &Page{Options: o, html: html}
	if _, err := p.newDevice(o.Phone.From); err != nil {
		return nil, fmt.Errorf("make the first phone: %w", err)
	}
	return p, nil
}

// Close closes the idle connections of the phones.
func (p *Page) Close() { p.network.Close() }

// Routes adds the page at /, and everything else that belongs to it below /dev/.
func (p *Page) Routes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(p.guard)
		get := func(path string, h http.HandlerFunc) {
			r.Get(path, h)
			r.Head(path, h)
		}
		get("/", p.serveHTML)
		files, _ := assets.ReadDir("assets") // does not fail: the folder is in the program
		for _, file := range files {
			if name := file.Name(); path.Ext(name) != ".html" {
				get("/dev/"+name, func(w http.ResponseWriter, r *http.Request) {
					http.ServeFileFS(w, r, assets, "assets/"+name)
				})
			}
		}
		get("/dev/state", answer(p.state))
		get("/dev/message", answer(p.onDevice(p.message)))
		get("/dev/session", answer(p.onDevice(p.session)))
		r.Post("/dev/open", answer(p.open))
		r.Post("/dev/close", answer(p.onDevice(p.close)))
		r.Post("/dev/act", answer(p.onDevice(p.act)))
	})
}

func (p *Page) serveHTML(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = p.html.Execute(w, map[string]any{ // fails only if the browser is gone
		"To":      p.Phone.To,
		"Webhook": p.Phone.Webhook.URL,
		"Redis":   p.Redis,
		"Idle":    duration.Format(p.IdleTimeout),
		"IdleMS":  p.IdleTimeout.Milliseconds(),
		"MaxText": maxText,
	})
}
