package main

// commands is the command line. Each command has a file of this package.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the service."`
	Dev     devCommand     `cmd:"" help:"Run the service with its own Redis; nothing needs to be installed or configured."`
	Phone   phoneCommand   `cmd:"" help:"Send messages to a webhook as Twilio does, and show the replies."`
	Load    loadCommand    `cmd:"" help:"Send messages to a webhook from many phones at once, and prove that it counts every message once."`
	Ls      lsCommand      `cmd:"" help:"List the live conversations."`
	Show    showCommand    `cmd:"" help:"Show what Redis stores about a sender's conversations."`
	Watch   watchCommand   `cmd:"" help:"Show conversations as they begin, continue and end."`
	End     endCommand     `cmd:"" help:"End a sender's conversations, so that the next message starts a new one."`
	Webhook webhookCommand `cmd:"" help:"Show or set the webhook of a Twilio number."`
	Config  configCommand  `cmd:"" help:"Check the settings and print them, with the secrets masked."`
	Version versionCommand `cmd:"" help:"Print the version."`
	Health  healthCommand  `cmd:"" hidden:"" help:"Ask a replica on this host whether it is ready."`
}

const examples = `Examples:

  smsession dev
  smsession phone hi "hi again" /again
  smsession load --duration 10s
  PUBLIC_URL=https://sms.example.com TWILIO_AUTH_TOKEN=... REDIS_URL=redis://localhost smsession serve
  PUBLIC_URL=https://sms.example.com TWILIO_ACCOUNT_SID=AC... TWILIO_AUTH_TOKEN=... smsession webhook set +15005550006 --dry-run
  REDIS_URL=redis://localhost smsession ls --sort idle
  smsession config --public-url https://sms.example.com`
