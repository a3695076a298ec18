package config

import "strings"

// The flag structs are embedded in the structs of the commands, and kong sets their fields. A field is the string as
// given. An empty field means that the setting is not set and has its default. No field has a `default` tag: the
// defaults are in Defaults and DevDefaults, and the help of a command repeats them.

// Flags are the settings of the service.
type Flags struct {
	ListenFlags
	PublicURLFlags
	WebhookURLFlags
	AuthTokenFlags
	AccountFlags
	RedisFlags
	PrefixFlags
	PoolFlags
	SessionFlags
	ServiceFlags
	LogFlags
}

// Config checks the settings of the service. The error is a Faults.
func (f Flags) Config() (Config, error) {
	c := checker{config: Defaults()}
	c.listeners(f.ListenFlags)
	c.webhookURLs(f.PublicURLFlags, f.WebhookURLFlags)
	if strings.TrimSpace(f.WebhookURL) == "" || strings.TrimSpace(f.FallbackURL) == "" {
		c.require(publicURL, f.PublicURL, "what Twilio has been told, without /sms, such as https://sms.example.com; or set both WEBHOOK_URL and FALLBACK_URL")
	}
	c.authTokens(f.AuthTokenFlags)
	c.accounts(f.AccountFlags)
	c.redis(f.RedisFlags)
	c.prefix(f.PrefixFlags)
	c.pool(f.PoolFlags)
	c.session(f.SessionFlags)
	c.service(f.ServiceFlags)
	c.log(f.LogFlags)
	return c.result()
}

// DevFlags are the settings of dev. dev has its own Redis and auth token, so it has no settings for these.
type DevFlags struct {
	ListenFlags
	PublicURLFlags
	AccountFlags
	PrefixFlags
	SessionFlags
	ServiceFlags
	LogFlags
}

// Config checks the settings of dev. AuthTokens and Redis are zero in the result. The URLs are zero if PUBLIC_URL is
// not set. The caller sets these fields. The error is a Faults.
func (f DevFlags) Config() (Config, error) {
	c := checker{config: DevDefaults()}
	c.listeners(f.ListenFlags)
	c.webhookURLs(f.PublicURLFlags, WebhookURLFlags{})
	c.accounts(f.AccountFlags)
	c.prefix(f.PrefixFlags)
	c.session(f.SessionFlags)
	c.service(f.ServiceFlags)
	c.log(f.LogFlags)
	return c.result()
}

// OperatorFlags are the settings of a command that only reads or changes the sessions in Redis.
type OperatorFlags struct {
	RedisFlags
	PrefixFlags
}

// Config checks the settings of an operator's command. Redis and RedisPrefix are as set, and every other field is the
// default of the service. The error is a Faults.
func (f OperatorFlags) Config() (Config, error) {
	c := checker{config: Defaults()}
	c.redis(f.RedisFlags)
	c.prefix(f.PrefixFlags)
	return c.result()
}

// ListenFlags are the addresses of the listeners, and the settings of the private listener.
type ListenFlags struct {
	Addr string `name:"addr" env:"ADDR" placeholder:"HOST:PORT" help:"Public listener (default :8080; dev: 127.0.0.1:8080)."`
	Port string `name:"port" env:"PORT" placeholder:"PORT" help:"Port of the public listener, where ADDR is not set."`
	// AdminAddr is nil when not set. Empty turns the listener off.
	AdminAddr  *string `name:"admin-addr" env:"ADMIN_ADDR" placeholder:"HOST:PORT" help:"Private listener for health, metrics and profiles (default 127.0.0.1:9464); empty turns it off."`
	AdminHosts string  `name:"admin-hosts" env:"ADMIN_HOSTS" placeholder:"NAME,..." help:"Host names that the private listener answers to, beside loopback names and IP addresses; ports do not matter (default: none)."`
	Pprof      string  `name:"pprof" env:"PPROF" placeholder:"true|false" help:"Serve /debug/pprof on the private listener (default: true where its address is loopback)."`
}

// PublicURLFlags are the setting for the URL at which Twilio reaches the service.
type PublicURLFlags struct {
	PublicURL string `name:"public-url" env:"PUBLIC_URL" placeholder:"URL" help:"What Twilio has been told, without /sms, such as https://sms.example.com."`
}

// WebhookURLFlags are the URLs that are configured at Twilio. They are needed if a proxy maps other paths to those of
// the service.
type WebhookURLFlags struct {
	WebhookURL  string `name:"webhook-url" env:"WEBHOOK_URL" placeholder:"URL" help:"What Twilio has been told as the webhook, byte for byte, where a proxy maps another path to /sms (default: PUBLIC_URL with /sms)."`
	FallbackURL string `name:"fallback-url" env:"FALLBACK_URL" placeholder:"URL" help:"The same for the fallback URL (default: PUBLIC_URL with /sms/fallback)."`
}

// AuthTokenFlags are the tokens that the service checks signatures with.
type AuthTokenFlags struct {
	TwilioAuthToken     string `name:"twilio-auth-token" env:"TWILIO_AUTH_TOKEN" placeholder:"TOKEN,..." help:"Twilio auth token, or AC...:token for one account alone; several by commas. A flag shows in the process list: prefer the environment or a file."`
	TwilioAuthTokenFile string `name:"twilio-auth-token-file" env:"TWILIO_AUTH_TOKEN_FILE" placeholder:"PATH" help:"File to read TWILIO_AUTH_TOKEN from."`
}

// AccountFlags are the accounts whose messages are accepted.
type AccountFlags struct {
	TwilioAccountSID string `name:"twilio-account-sid" env:"TWILIO_ACCOUNT_SID" placeholder:"SID,..." help:"Twilio account, AC and 32 hex digits, or several by commas; when set, messages of other accounts are refused."`
}

// RedisFlags are the settings for the Redis that has the sessions.
type RedisFlags struct {
	RedisURL     string `name:"redis-url" env:"REDIS_URL" placeholder:"URL" help:"Redis: redis://user:password@host:6379/0, rediss:// for TLS, redis+unix:///path, redis+sentinel://host,host/primary or redis+cluster://host,host."`
	RedisURLFile string `name:"redis-url-file" env:"REDIS_URL_FILE" placeholder:"PATH" help:"File to read REDIS_URL from."`
}

// PrefixFlags are the setting for the prefix of the keys in Redis.
type PrefixFlags struct {
	RedisPrefix string `name:"redis-prefix" env:"REDIS_PREFIX" placeholder:"PREFIX" help:"Prefix of every key in Redis (default sms:)."`
}

// PoolFlags are the settings for the use of Redis by messages.
type PoolFlags struct {
	RedisWaitReplicas string `name:"redis-wait-replicas" env:"REDIS_WAIT_REPLICAS" placeholder:"N" help:"How many Redis replicas must have the commit before a message is answered (default 0)."`
	RedisConnections  string `name:"redis-connections" env:"REDIS_CONNECTIONS" placeholder:"N" help:"How many connections to Redis messages may use (default 64)."`
}

// SessionFlags are the settings for the lifetime of a session.
type SessionFlags struct {
	SessionIdleTimeout string `name:"session-idle-timeout" env:"SESSION_IDLE_TIMEOUT" placeholder:"DURATION" help:"How long after its last message a session ends (default 4h)."`
	SessionLifetime    string `name:"session-lifetime" env:"SESSION_LIFETIME" placeholder:"DURATION" help:"How long after its first message a session ends at the latest (default 720h)."`
}

// ServiceFlags are the settings for the processing of messages.
type ServiceFlags struct {
	RequestBudget  string `name:"request-budget" env:"REQUEST_BUDGET" placeholder:"DURATION" help:"How long one message may wait for Redis (default 10s)."`
	KeepAlive      string `name:"keep-alive" env:"KEEP_ALIVE" placeholder:"DURATION" help:"How long a connection may be idle (default 650s)."`
	MaxConnections string `name:"max-connections" env:"MAX_CONNECTIONS" placeholder:"N" help:"Connections that the public listener may have (default 8192)."`
	DrainDelay     string `name:"drain-delay" env:"DRAIN_DELAY" placeholder:"DURATION" help:"How long to go on serving after SIGTERM (default 5s; dev: 0s)."`
	MaxReplies     string `name:"max-replies-per-minute" env:"MAX_REPLIES_PER_MINUTE" placeholder:"N" help:"Replies that a conversation may get in a minute, against machines that answer each other (default 0: any number)."`
	OptOut         string `name:"opt-out" env:"OPT_OUT" placeholder:"MODE" help:"Who answers STOP, START and HELP: default, advanced or off (default: default)."`
}

// LogFlags are the settings of the log.
type LogFlags struct {
	LogLevel  string `name:"log-level" env:"LOG_LEVEL" placeholder:"LEVEL" help:"Lowest level logged: debug, info, warn or error (default info)."`
	LogFormat string `name:"log-format" env:"LOG_FORMAT" placeholder:"FORMAT" help:"Log lines as json or text (default json; dev: text)."`
}
