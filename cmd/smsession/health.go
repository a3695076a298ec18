package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"smsession/internal/healthcheck"
	"smsession/internal/terminal"
)

// healthTimeout is how long a replica may take to answer. The answer needs no request to Redis.
const healthTimeout = 2 * time.Second

// healthCommand asks a replica on this host whether it is ready. It is also the health check of a container that
// contains only this program.
type healthCommand struct {
	URL *url.URL `name:"url" default:"http://${admin_addr}/readyz" placeholder:"URL" help:"The URL to ask (default http://${admin_addr}/readyz, on the private listener)."`
}

// Help is shown below the flags' summary.
func (c *healthCommand) Help() string {
	return `health prints the replica's answer: ready, or the reason why it is not ready. It is also the health check of a
container.

  smsession health
  smsession health --url http://127.0.0.1:9465/readyz

The exit status is 1 if the replica is not ready or does not answer within 2 s, and 2 for a wrong command line.`
}

// Run prints the replica's answer. It is an error if the answer is not 200, or does not come within 2 s.
func (c *healthCommand) Run(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	answer, err := healthcheck.Ask(ctx, nil, c.URL.String())
	if err != nil {
		return fmt.Errorf("ask the replica: %w; check that it runs and that --url is its ADMIN_ADDR", err)
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("the replica is not ready: %d %q", answer.Status, answer.Line)
	}
	_, err = fmt.Fprintln(p.stdout, terminal.Escape(answer.Line))
	return err
}
