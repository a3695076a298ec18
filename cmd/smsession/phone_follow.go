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

// follower decides whether the phone goes on to another server, to which a webhook has led it. It is safe for concurrent
// use.
type follower struct {
	hosts []*url.URL                 // of --follow-hosts
	ask   func(question string) bool // nil where nobody can be asked

	mu      sync.Mutex
	answers map[string]bool // what the person said, by server
}

// newFollower reads --follow-hosts. A commandFault says what is wrong with it.
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

// follow reports whether the phone may go to a server, as phone.Options.Follow has it. A person is asked about each once.
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
		// %+q, because the other side has chosen the name, and one of another script could look like this one.
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

// asker returns how to ask the person at the terminal, nil where there is none or a program reads the output.
func (c *phoneCommand) asker(p *process, in input) func(string) bool {
	switch {
	case c.JSON:
		return nil
	case in.live:
		return func(question string) bool {
			fmt.Fprintln(p.stdout, "* "+question)
			answer, err := in.prompt("[y/N] ")
			if err != nil {
				fmt.Fprintln(p.stdout) // nobody has ended the line
			}
			return isYes(answer)
		}
	case len(c.Texts) > 0 && isTerminal(os.Stdin) && isTerminal(p.stderr):
		return func(question string) bool { return confirmed(p.ctx, p.stderr, question) }
	}
	return nil
}

// confirmed asks a question on w and reads the answer from standard input. Only a yes is one.
func confirmed(ctx context.Context, w io.Writer, question string) bool {
	fmt.Fprintf(w, "%s [y/N] ", question)
	read := interruptible(ctx, func() (string, error) { return bufio.NewReader(os.Stdin).ReadString('\n') })
	answer, err := read()
	if err != nil {
		fmt.Fprintln(w) // nobody has ended the line
	}
	return isYes(answer)
}

func isYes(answer string) bool {
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}
