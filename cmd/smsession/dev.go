package main

import (
	"context"
	"fmt"

	"smsession/internal/config"
	"smsession/internal/devrun"
	"smsession/internal/usage"
)

// maxReplicas is how many replicas the page has room for.
const maxReplicas = 9

// devCommand runs the service with an embedded Redis, a throw-away auth token and the page with the phones.
type devCommand struct {
	config.DevFlags

	Replicas int    `name:"replicas" default:"1" placeholder:"N" help:"How many replicas answer the messages, 1 to 9. With more than one, the page has buttons that kill a replica, restart Redis and pause it (default 1)."`
	Data     string `name:"data" type:"path" placeholder:"FILE" help:"Keep the sessions, phones and texts in this file over a restart. It contains the texts, phone numbers and the auth token; only you can read it (0600). Default: nothing is kept."`
}

// Help is shown below the flags' summary.
func (c *devCommand) Help() string {
	return `The public listener also has a page with phones at /, to send messages to the service in a browser. With
--app-url (or --app for short), the page shows each call of your own app: what was sent, what came back, and what
changed.

With --addr, other hosts reach the service, for example a handset in the same network. dev then prints the addresses of
the page for them. They end with a token.

With --data, dev goes on where it has ended: the file has the sessions, the phones, and the texts of their messages. It is
written within a second after a change, and at the end.

With --replicas, several replicas run in this process behind one address, and share one Redis. The page shows which
of them answered a message. It has buttons that kill a replica, restart Redis and pause it: the conversations go on.
Each replica has a private listener of its own on a free port.

dev writes its URL and the auth token to a private file: $XDG_RUNTIME_DIR/smsession/dev.json, or a file in the directory
for temporary files. phone and load read this file if they have no --url, and ls, show, watch and end if they have no
--redis-url. dev deletes the file when it ends.

  smsession dev
  smsession dev --app-url http://localhost:3000/sms
  smsession dev --replicas 3
  smsession dev --port 3000 --session-idle-timeout 1m
  smsession dev --addr 0.0.0.0
  smsession dev --data dev-data.json
  smsession dev --public-url https://tunnel.example.com

The exit status is 1 if the service cannot start or fails, and 2 for a wrong command line or setting.`
}

// Run runs the service until the first signal. It then deletes the file that it has written for the other commands.
func (c *devCommand) Run(ctx context.Context, p *process) error {
	cfg, err := c.Config()
	if err != nil {
		return err
	}
	switch {
	case c.Replicas < 1 || c.Replicas > maxReplicas:
		return usage.Fault(fmt.Sprintf("--replicas must be between 1 and %d", maxReplicas))
	case c.Replicas > 1 && c.AdminAddr != nil && *c.AdminAddr != "":
		return usage.Fault("--admin-addr (ADMIN_ADDR) is the address of one replica: leave it out with --replicas")
	}
	return devrun.Run(ctx, devrun.Options{
		Config:       cfg,
		Replicas:     c.Replicas,
		Version:      version(),
		AnyPort:      c.Addr == "" && c.Port == "",
		AnyAdminPort: c.AdminAddr == nil,
		Data:         c.Data,
		Stdout:       p.stdout,
		Stderr:       p.stderr,
	})
}
