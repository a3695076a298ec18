package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"smsession/internal/terminal"
)

// healthTimeout is how long a replica may take to say that it is ready. It answers from memory.
const healthTimeout = 2 * time.Second

// healthCommand asks a replica on this host whether it is ready. It is for the health check of a container that has nothing
// but the program in it, and is not shown in the help.
type healthCommand struct {
	URL string `name:"url" default:"http://127.0.0.1:9464/readyz" placeholder:"URL" help:"What to ask (default http://127.0.0.1:9464/readyz, on the private listener)."`
}

// Run prints the replica's word. It is an error for the answer not to be 200, or not to come within 2 s.
func (c *healthCommand) Run(p *process) error {
	ctx, cancel := context.WithTimeout(p.ctx, healthTimeout)
	defer cancel()
	word, err := ask(ctx, c.URL)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, terminal.Escape(word))
	return err
}

// ask returns the body of a 200. Its transport knows no proxy: what it asks is on this host.
func ask(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", commandFault("--url cannot be read")
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask the replica: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<10)) // a word, or a sentence
	if err != nil {
		return "", fmt.Errorf("read the replica's answer: %w", err)
	}
	word := strings.TrimSpace(string(body))
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the replica is not ready: %d %q", res.StatusCode, word)
	}
	return word, nil
}
