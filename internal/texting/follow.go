package texting

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"smsession/internal/hostname"
)

// Follower decides whether a phone may send a request to another server, if the webhook leads there by a redirect or by
// TwiML. It is safe for concurrent use.
type Follower struct {
	allowed map[string]bool            // the keys are host:port, or host: for every port
	ask     func(question string) bool // nil to refuse without a question

	mu      sync.Mutex
	answers map[string]bool // to the questions, by server
}

// NewFollower returns a Follower that allows the given hosts without a question. A host is written as HOST, which
// allows every port, or as HOST:PORT. The Follower calls ask once about each other server. If ask is nil, it refuses
// all other servers. NewFollower returns an error if a host is malformed. The error does not quote the host, which may
// contain a password.
func NewFollower(hosts []string, ask func(question string) bool) (*Follower, error) {
	f := &Follower{allowed: map[string]bool{}, ask: ask, answers: map[string]bool{}}
	for _, host := range hosts {
		u, err := url.Parse("//" + host)
		if err != nil || u.Hostname() == "" || u.Host != host {
			return nil, errors.New("a host must be written as other.example or other.example:8443")
		}
		f.allowed[hostname.Of(u.Host)+":"+u.Port()] = true
	}
	return f, nil
}

// Follow implements phone.Options.Follow. It returns false if server is not a URL. It asks one question at a time:
// other calls wait for the answer, unless their server is allowed without a question.
func (f *Follower) Follow(server string) bool {
	to, err := url.Parse(server)
	if err != nil {
		return false
	}
	name := hostname.Of(to.Host) + ":"
	port := cmp.Or(to.Port(), map[string]string{"http": "80", "https": "443"}[to.Scheme])
	if f.allowed[name] || f.allowed[name+port] {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answer, isAnswered := f.answers[server]
	if !isAnswered && f.ask != nil {
		// %+q prints only ASCII. The other side chose the name, and letters of other scripts can imitate a known name.
		question := fmt.Sprintf("the webhook leads to another server, %+q; send it a signature and the cookies?",
			server)
		answer = f.ask(question)
		f.answers[server] = answer
	}
	return answer
}
