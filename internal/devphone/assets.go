package devphone

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets
var assets embed.FS

// render fills in what does not change while the page is there.
func render(o Options) ([]byte, error) {
	t, err := template.ParseFS(assets, "assets/page.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"To":        o.To,
		"PublicURL": o.PublicURL,
		"Redis":     o.Redis,
		"Idle":      brief(o.IdleTimeout),
		"IdleMS":    o.IdleTimeout.Milliseconds(),
		"MaxText":   maxText,
		"MaxNumber": maxNumber,
	})
	return b.Bytes(), err
}

// brief leaves out the zeros at the end: 4h for 4h0m0s.
func brief(d time.Duration) string {
	s := d.String()
	if hours, ok := strings.CutSuffix(s, "h0m0s"); ok {
		return hours + "h"
	}
	if minutes, ok := strings.CutSuffix(s, "m0s"); ok {
		return minutes + "m"
	}
	return s
}

func (p *Page) show(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(p.html)
}

// files are what the page loads, by name.
func files() map[string]http.HandlerFunc {
	types := map[string]string{
		".css": "text/css; charset=utf-8",
		".js":  "text/javascript; charset=utf-8",
		".svg": "image/svg+xml",
	}
	all := map[string]http.HandlerFunc{}
	entries, _ := assets.ReadDir("assets") // it is there: it was built in
	for _, entry := range entries {
		kind := types[path.Ext(entry.Name())]
		if kind == "" {
			continue
		}
		text, _ := assets.ReadFile("assets/" + entry.Name())
		all[entry.Name()] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(text)
		}
	}
	return all
}
