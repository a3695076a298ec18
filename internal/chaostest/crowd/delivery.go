package crowd

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"smsession/internal/chaostest/history"
	"smsession/internal/cookies"
	"smsession/internal/phone"
	"smsession/internal/webhooktest"
)

// apology is the reply of the fallback URL if the outcome is not known. See ../../server/outage_test.go.
const apology = "Sorry, we could not take your message just now. Please send it again in a few minutes."

// The routes.
const webhook, fallback = "/sms", "/sms/fallback"

// delivery returns a function that sends a message once, and writes down what was answered. The choices are made
// now: the replicas, whether Twilio uses the fallback URL at once, the cookie, and whether Twilio hangs up.
func (c *conversation) delivery(ctx context.Context, m message) func() {
	addrs := c.System.Addrs()
	first := c.random.IntN(len(addrs))
	second := (first + 1 + c.random.IntN(len(addrs)-1)) % len(addrs)
	o := c.options(c.from)
	o.Webhook, o.Fallback = endpoint(addrs[first], webhook), endpoint(addrs[second], fallback)
	if c.Once || c.isFilling || c.random.IntN(5) == 0 {
		o.Webhook, o.Fallback = o.Fallback, phone.Endpoint{}
	}
	kind, cookie := c.chooseCookie()
	if cookie != "" {
		o.Cookies = []cookies.Cookie{{Name: "smsession", Value: cookie}}
	}
	patience := time.Minute
	if !c.isFilling && c.random.IntN(12) == 0 {
		patience = time.Duration(c.random.Int64N(int64(60 * time.Millisecond)))
	}
	via := map[string]string{}
	for i, addr := range addrs {
		via[addr] = fmt.Sprintf("replica %d, %s", i+1, kind)
	}
	return func() {
		p, err := phone.New(o)
		if err != nil {
			panic(err) // the options above are right
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		call := c.now()
		d := p.Send(ctx, phone.Message{SID: m.sid, Body: m.body})
		c.write(m, d, call, via)
	}
}

func endpoint(addr, route string) phone.Endpoint {
	return phone.Endpoint{URL: webhooktest.PublicURL + route, Address: addr + route}
}

// chooseCookie returns the cookie of the last answer in most cases.
func (c *conversation) chooseCookie() (kind, cookie string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch p := c.random.IntN(10); {
	case p == 0:
		return "no cookie", ""
	case p == 1 && len(c.stale) > 0:
		return "stale cookie", c.stale[c.random.IntN(len(c.stale))]
	case p == 2:
		return "foreign cookie", c.foreign()
	}
	return "cookie", c.cookie
}

// refused is Twilio's number for a connection that was refused. Such a request had no effect for sure.
//
// See https://www.twilio.com/docs/api/errors/11202.
const refused = 11202

// write adds the requests of a delivery to the history. A request ended before the next one began.
func (c *conversation) write(m message, d *phone.Delivery, call time.Duration, via map[string]string) {
	end := c.now()
	for i, e := range d.Exchanges {
		if slices.ContainsFunc(d.Findings, func(f phone.Finding) bool { return f.Code == refused && f.URL == e.URL }) {
			continue
		}
		o := history.Op{Kind: history.Deliver, SID: m.sid, IsStop: m.body == "STOP", Call: call, Return: end}
		if i > 0 {
			o.Call = e.Sent.Sub(c.began)
		}
		if i+1 < len(d.Exchanges) {
			o.Return = d.Exchanges[i+1].Sent.Sub(c.began)
		}
		at := strings.Index(e.Address, webhook)
		o.Via = fmt.Sprintf("%s, %s %d %s", via[e.Address[:at]], e.Address[at:], e.Status, e.Error)
		c.classify(&o, e)
		c.record.Add(o)
	}
}

// classify decides whether the outcome of a request is known.
func (c *conversation) classify(o *history.Op, e phone.Exchange) {
	reply := webhooktest.Reply{Status: e.Status, Body: e.ResponseBody}
	texts, err := reply.Texts()
	isFallback := strings.HasSuffix(e.URL, fallback)
	switch {
	case e.Status == 0, e.Status >= http.StatusInternalServerError,
		isFallback && err == nil && len(texts) == 1 && texts[0] == apology:
		o.Return = history.Never
		return
	case err != nil || len(texts) > 1:
		o.Reply = reply.Text()
	case len(texts) == 1:
		o.Reply = texts[0]
	case o.IsStop && isFallback: // STOP gets a document without messages instead of the apology
		o.Return = history.Never
		return
	case !o.IsStop && c.Replies > 0:
		o.Return, o.Forgotten = history.Never, o.Return
		return
	}
	o.Body = e.ResponseBody
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[o.SID] = true
	for _, set := range (&http.Response{Header: e.ResponseHeader}).Cookies() {
		if set.Name == "smsession" && set.Value != c.cookie {
			c.cookie = set.Value
			c.stale = append(c.stale, c.cookie) // chosen as often as the current cookie if there is only one
		}
	}
}
