package devphone

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"smsession/internal/phone"
)

// messageView is an entry with what went over the wire.
type messageView struct {
	entry
	Exchanges []exchangeView `json:"exchanges"`
}

// exchangeView is a request and its response, with the parameters decoded, in their order.
type exchangeView struct {
	phone.Exchange
	Params [][2]string `json:"params"`
}

func (p *Page) message(r *http.Request) (any, error) {
	q := r.URL.Query()
	h, err := p.find(q.Get("phone"))
	if err != nil {
		return nil, err
	}
	id, _ := strconv.Atoi(q.Get("entry"))
	e, found := h.entry(id)
	if !found {
		return nil, fault{http.StatusNotFound, "This message is no longer kept."}
	}
	view := messageView{entry: e, Exchanges: []exchangeView{}}
	for _, x := range e.exchanges {
		view.Exchanges = append(view.Exchanges, exchangeView{x, params(x.RequestBody)})
	}
	return view, nil
}

// params decodes a form for the eye: what cannot be decoded is shown as it is.
func params(body string) [][2]string {
	all := [][2]string{}
	for pair := range strings.SplitSeq(body, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		all = append(all, [2]string{plain(name), plain(value)})
	}
	return all
}

func plain(escaped string) string {
	if s, err := url.QueryUnescape(escaped); err == nil {
		return s
	}
	return escaped
}
