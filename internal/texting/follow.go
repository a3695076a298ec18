package texting

import (
	"errors"
	"fmt"
	"net/url"
	"sync"

	"smsession/internal/hostname"
)

// Follower decides whether a phone may send a request to another server to which the webhook leads. It is safe for
// concurrent use.
type Follower struct {
	hosts []*url.URL
	ask   func(question string) bool // nil to refuse without a question

	mu      sync.Mutex
	answers map[string]bool // by server
}

// NewFollower returns a follower that allows the given hosts, HOST or HOST:PORT, without a question. It asks once about
// every other server, or refuses it if ask is nil. It returns an error, which does not quote the host, if a host is
// malformed.
func NewFollower(hosts []string, ask func(question string) bool) (*Follower, error) {
	f := &Follower{ask: ask, answers: map[string]bool{}}
	for _, host := range hosts {
		u, err := url.Parse("//" + host)
		if err != nil || u.Hostname() == "" || u.Host != host {
			return nil, errors.New("a host must be written as other.example or other.example:8443") // no quote: passwords
		}
		f.hosts = append(f.hosts, u)
	}
	return f, nil
}

// Follow implements phone.Options.Follow. It refuses a server that is not a URL. Only one question is asked at a time.
func (f *Follower) Follow(server string) bool {
	to, err := url.Parse(server)
	if err != nil {
		return false
	}
	port := to.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[to.Scheme]
	}
	for _, allowed := range f.hosts {
		if hostname.Of(allowed.Host) == hostname.Of(to.Host) && (allowed.Port() == "" || allowed.Port() == port) {
			return true
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answer, known := f.answers[server]
	if !known && f.ask != nil {
		// %+q prints only ASCII: the other side chose the name, and letters of other scripts can look like a known
		// name.
		question := fmt.Sprintf("the webhook leads to another server, %+q; send it a signature and the cookies?", server)
		answer = f.ask(question)
		f.answers[server] = answer
	}
	return answer
}
