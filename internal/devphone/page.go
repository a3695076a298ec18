// Package devphone serves the page of `smsession dev`. The page shows phones, the HTTP requests of a message, the calls
// of the team's own app, and the live record in Redis. The phones are those of package phone. They and the auth token
// stay in this process: the browser only shows the phones and sends the actions of their buttons.
//
// The page is not part of the service. The service does not depend on it.
package devphone

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/gomodule/redigo/redis"

	"smsession/internal/duration"
	"smsession/internal/fleet"
	"smsession/internal/outage"
	"smsession/internal/phone"
	"smsession/internal/session/record"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

// assets contains the page, which is a template, and the files that it loads.
//
//go:embed assets
var assets embed.FS

// Options are what a Page needs. All fields but OptOut, App, Token and Saved are required.
type Options struct {
	// Phone has the options of the first phone. Its Network and Trace are ignored. Each other phone has another From,
	// and the same To unless From is an address of WhatsApp: see phone.Pair.
	Phone phone.Options
	// OptOut decides which messages end a session. With twilio.OptOutAdvanced, the button STOP sends an OptOutType.
	OptOut twilio.OptOutMode

	// App is the webhook of the team's own app, whose calls ObserveCall gets. It is zero if the counter answers.
	App weburl.URL

	Pool        *redis.Pool   // of the service's Redis
	Redis       string        // the address of that Redis, to be shown
	Keys        record.Keys   // of the service
	IdleTimeout time.Duration // of the service's sessions
	// ReadRecord returns a shell command that prints the record of a conversation.
	ReadRecord func(to, from string) string

	// Token allows clients to use the page at any host name. If it is "", only this host may use the page, at localhost
	// or a loopback address. This host needs no token there.
	Token string

	// Saved is the result of Save of an earlier Page, whose phones are then opened in place of the first phone.
	Saved []byte

	// Fleet has the replicas of the service, and Outages disturbs their Redis. Both are nil if there is one replica.
	Fleet   *fleet.Fleet
	Outages *outage.Redis
}

// Page is the page and its phones. It is safe for concurrent use.
type Page struct {
	Options
	network   phone.Network
	html      *template.Template
	run       string // chosen at random, so that a browser notices a restart
	calls     calls
	underway  underway
	endpoints map[string]*endpoint // see newEndpoints
	revision  atomic.Int64         // rises with each change of what /dev/state returns

	mu      sync.Mutex
	devices []*device // in the order in which they were opened
	lastID  int       // the ID of the newest device
	hidden  int       // how many messages from elsewhere are in no phone, because there are too many phones
}

// New returns a Page with one phone. It opens no connection. It returns an error if phone.New refuses o.Phone, or if
// o.Saved is malformed.
func New(o Options) (*Page, error) {
	html, err := template.ParseFS(assets, "assets/page.html")
	if err != nil {
		return nil, fmt.Errorf("parse the page: %w", err)
	}
	p := &Page{Options: o, html: html, run: phone.RandomHex(), endpoints: newEndpoints(o.Phone)}
	if len(o.Saved) > 0 {
		return p, p.restore(o.Saved)
	}
	if _, err := p.newDevice(o.Phone.From); err != nil {
		return nil, fmt.Errorf("open the first phone: %w", err)
	}
	return p, nil
}

// Close closes the idle connections of the phones. It does not stop deliveries.
func (p *Page) Close() { p.network.Close() }

// Routes adds the page at /, and the other routes of the page below /dev/. They refuse requests that come through a
// proxy or from another site, and requests that need Options.Token and do not have it.
func (p *Page) Routes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(p.guard)
		get := func(path string, h http.HandlerFunc) {
			r.Get(path, h)
			r.Head(path, h)
		}
		get("/", p.serveHTML)
		files, _ := assets.ReadDir("assets") // cannot fail, because the folder is embedded
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
		if p.App != (weburl.URL{}) {
			get("/dev/app", answer(p.reachable))
		}
		r.Post("/dev/segments", answer(p.segments))
		r.Post("/dev/picture", answer(p.picture))
		r.Post("/dev/open", answer(p.open))
		r.Post("/dev/close", answer(p.onDevice(p.close)))
		r.Post("/dev/act", answer(p.onDevice(p.act)))
		p.replicaRoutes(r)
	})
}

func (p *Page) serveHTML(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = p.html.Execute(w, map[string]any{ // fails only if the connection is broken
		"App":     p.App.Concealed(),
		"Webhook": p.Phone.Webhook.URL,
		"Redis":   p.Redis,
		"Idle":    duration.Format(p.IdleTimeout),
		"IdleMS":  p.IdleTimeout.Milliseconds(),
		"Fleet":   p.Fleet != nil,
	})
}
