package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"sync"

	"smsession/internal/hostname"
)

// follower decides whether the phone sends a request to another server to which a webhook leads. It is safe for
// concurrent use.
type follower struct {
	hosts []*url.URL                 // of --follow-hosts
	ask   func(question string) bool // nil if there is nobody to ask

	mu      sync.Mutex
	answers map[string]bool // the answers to earlier questions, by server
}

// newFollower parses --follow-hosts. A value that is not a list of hosts is a commandFault.
func newFollower(hosts []string, ask func(string) bool) (*follower, error) {
	f := &follower{ask: ask, answers: map[string]bool{}}
	for _, host := range hosts {
		u, err := url.Parse("//" + host)
		if err != nil || u.Hostname() == "" || u.Host != host {
			return nil, commandFault("--follow-hosts is not a list of hosts such as other.example or other.example:8443")
		}
		f.hosts = append(f.hosts, u)
	}
	return f, nil
}

// follow implements phone.Options.Follow. It asks about each server once.
func (f *follower) follow(server string) bool {
	to, err := url.Parse(server)
	if err != nil {
		return false
	}
	for _, allowed := range f.hosts {
		if hostname.Of(allowed.Host) == hostname.Of(to.Host) && (allowed.Port() == "" || allowed.Port() == port(to)) {
			return true
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answer, known := f.answers[server]
	if !known && f.ask != nil {
		// %+q prints ASCII only: the other side has chosen the name, and letters of another script can look like a
		// known name.
		answer = f.ask(fmt.Sprintf("the webhook leads to another server, %+q; send it a signature and the cookies?", server))
		f.answers[server] = answer
	}
	return answer
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// asker returns a function that asks the person at the terminal. It returns nil if there is no terminal, or if a
// program reads the output.
func (c *phoneCommand) asker(p *process, in input) func(string) bool {
	switch {
	case c.JSON:
		return nil
	case in.live:
		return func(question string) bool {
			fmt.Fprintln(p.stdout, "* "+question)
			answer, err := in.prompt("[y/N] ")
			if err != nil {
				fmt.Fprintln(p.stdout) // the person typed no newline
			}
			return isYes(answer)
		}
	case len(c.Texts) > 0 && isTerminal(os.Stdin) && isTerminal(p.stderr):
		return func(question string) bool { return confirmed(p.ctx, p.stderr, question) }
	}
	return nil
}

// confirmed asks a question on w and reads the answer from standard input. It reports true only for y or yes.
func confirmed(ctx context.Context, w io.Writer, question string) bool {
	fmt.Fprintf(w, "%s [y/N] ", question)
	read := interruptible(ctx, func() (string, error) { return bufio.NewReader(os.Stdin).ReadString('\n') })
	answer, err := read()
	if err != nil {
		fmt.Fprintln(w) // the person typed no newline
	}
	return isYes(answer)
}

func isYes(answer string) bool {
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}
