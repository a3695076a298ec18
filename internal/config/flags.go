package config

// The flag structs are embedded in the structs of the commands. kong sets their fields to the strings as given. An
// empty field means that the setting is not set. No field has a `default` tag, because Defaults and DevDefaults have
// the defaults; the help of a command repeats them.

// Flags are the settings of the service.
type Flags struct {
	TwilioFlags
	WebhookFlags
	RedisFlags
	PrefixFlags
	WaitFlags
	RedisConnections string `name:"redis-connections" env:"REDIS_CONNECTIONS" placeholder:"N" help:"How many messages may use Redis at the same time (default 64)."`
	ServiceFlags
	AppFlags
}

// DevFlags are the settings of dev, which has its own Redis and its own auth token.
type DevFlags struct {
	TwilioFlags
	PrefixFlags
	ServiceFlags
	AppFlags
}

// OperatorFlags are the settings of a command that only reads or changes the sessions in Redis.
type OperatorFlags struct {
	RedisFlags
	PrefixFlags
	Wait WaitFlags `kong:"-"` // of a command that changes sessions; it has the flag
}

// RESTFlags are the settings of a command that only uses Twilio's REST API.
type RESTFlags struct {
	TwilioFlags
	WebhookFlags
	TwilioRegion string `name:"twilio-region" env:"TWILIO_REGION" placeholder:"REGION" help:"Region of the API: us1, ie1, au1, or any other region together with an edge (default us1)."`
	TwilioEdge   string `name:"twilio-edge" env:"TWILIO_EDGE" placeholder:"EDGE" help:"Edge location of the API (default: the edge of the region)."`
}

// TwilioFlags name the URL of the service and its accounts.
type TwilioFlags struct {
	PublicURL        string `name:"public-url" env:"PUBLIC_URL" placeholder:"URL" help:"URL that Twilio is configured with, without /sms, such as https://sms.example.com."`
	TwilioAccountSID string `name:"twilio-account-sid" env:"TWILIO_ACCOUNT_SID" placeholder:"SID,..." help:"Twilio account SID (AC and 32 hexadecimal digits), or several, separated by commas. The service refuses messages of other accounts. webhook uses the first, which must be the account that has the number."`
}

// WebhookFlags are more settings that must be the same at Twilio and in the service.
type WebhookFlags struct {
	WebhookURL          string `name:"webhook-url" env:"WEBHOOK_URL" placeholder:"URL" help:"Webhook URL that Twilio is configured with, byte for byte, if a proxy maps another path to /sms (default: PUBLIC_URL with /sms)."`
	FallbackURL         string `name:"fallback-url" env:"FALLBACK_URL" placeholder:"URL" help:"Fallback URL that Twilio is configured with, byte for byte, if a proxy maps another path to /sms/fallback (default: PUBLIC_URL with /sms/fallback)."`
	TwilioAuthToken     string `name:"twilio-auth-token" env:"TWILIO_AUTH_TOKEN" placeholder:"TOKEN,..." help:"Twilio auth token, or AC...:token for one account only; several are separated by commas. A flag is visible in the process list: prefer the environment or a file."`
	TwilioAuthTokenFile string `name:"twilio-auth-token-file" env:"TWILIO_AUTH_TOKEN_FILE" placeholder:"PATH" help:"File that contains TWILIO_AUTH_TOKEN; it may have one token on each line."`
}

// RedisFlags name the Redis that has the sessions.
type RedisFlags struct {
	RedisURL     string `name:"redis-url" env:"REDIS_URL" placeholder:"URL" help:"Redis: redis://user:password@host:6379/0, rediss:// for TLS, redis+unix:///path, redis+sentinel://host,host/primary or redis+cluster://host,host."`
	RedisURLFile string `name:"redis-url-file" env:"REDIS_URL_FILE" placeholder:"PATH" help:"File that contains REDIS_URL."`
}

// PrefixFlags select the keys in Redis.
type PrefixFlags struct {
	RedisPrefix string `name:"redis-prefix" env:"REDIS_PREFIX" placeholder:"PREFIX" help:"Prefix of every key in Redis (default sms:)."`
}

// WaitFlags decide when a change of a session is confirmed.
type WaitFlags struct {
	RedisWaitReplicas string `name:"redis-wait-replicas" env:"REDIS_WAIT_REPLICAS" placeholder:"N" help:"How many Redis replicas must have a change before it is confirmed (default 0)."`
}

// ServiceFlags are the listeners, the limits and the log of the service.
type ServiceFlags struct {
	Addr string `name:"addr" env:"ADDR" placeholder:"HOST:PORT" help:"Address of the public listener (default :8080; dev: 127.0.0.1:8080). dev also accepts a host without a port."`
	Port string `name:"port" env:"PORT" placeholder:"PORT" help:"Port of the public listener, if ADDR is not set (dev: or has none)."`
	// AdminAddr is nil if the setting is not set. An empty value turns the listener off.
	AdminAddr          *string `name:"admin-addr" env:"ADMIN_ADDR" placeholder:"HOST:PORT" help:"Address of the private listener, for health, metrics and profiles (default 127.0.0.1:9464). An empty value turns it off."`
	AdminHosts         string  `name:"admin-hosts" env:"ADMIN_HOSTS" placeholder:"NAME,..." help:"Host names that the private listener answers to, in addition to loopback names and IP addresses (default: none)."`
	Pprof              string  `name:"pprof" env:"PPROF" placeholder:"true|false" help:"Serve /debug/pprof on the private listener (default: true if its address is loopback)."`
	SessionIdleTimeout string  `name:"session-idle-timeout" env:"SESSION_IDLE_TIMEOUT" placeholder:"DURATION" help:"Time without a message after which a session ends (default 4h)."`
	SessionLifetime    string  `name:"session-lifetime" env:"SESSION_LIFETIME" placeholder:"DURATION" help:"Time after the first message at which a session ends at the latest (default 720h)."`
	RequestBudget      string  `name:"request-budget" env:"REQUEST_BUDGET" placeholder:"DURATION" help:"How long one message may wait for Redis, for its turn and for the app (default 10s)."`
	KeepAlive          string  `name:"keep-alive" env:"KEEP_ALIVE" placeholder:"DURATION" help:"How long a connection may be idle (default 650s)."`
	MaxConnections     string  `name:"max-connections" env:"MAX_CONNECTIONS" placeholder:"N" help:"How many connections the public listener may have (default 8192)."`
	DrainDelay         string  `name:"drain-delay" env:"DRAIN_DELAY" placeholder:"DURATION" help:"How long the service continues to serve after SIGTERM (default 5s; dev: 0s)."`
	MaxReplies         string  `name:"max-replies-per-minute" env:"MAX_REPLIES_PER_MINUTE" placeholder:"N" help:"How many replies a conversation may get in a minute, to stop two machines that answer each other (default 0: any number)."`
	OptOut             string  `name:"opt-out" env:"OPT_OUT" placeholder:"default|advanced|off" help:"Which messages are treated as STOP, START or HELP: default (Twilio's words and OptOutType), advanced (OptOutType only) or off (default: default)."`
	LogLevel           string  `name:"log-level" env:"LOG_LEVEL" placeholder:"debug|info|warn|error" help:"Lowest level that is logged (default info)."`
	LogFormat          string  `name:"log-format" env:"LOG_FORMAT" placeholder:"json|text" help:"Format of the log (default json; dev: text)."`
}

// AppFlags are the settings of the team's own app, which answers the messages in place of the counter.
type AppFlags struct {
	AppURL           string `name:"app-url" aliases:"app" env:"APP_URL" placeholder:"URL" help:"Webhook of your own app, which answers the messages. --app is short for --app-url (default: none; the tutorial's counter answers)."`
	AppProtocol      string `name:"app-protocol" env:"APP_PROTOCOL" placeholder:"twilio|json" help:"How the app is called: twilio (an existing Twilio webhook, unchanged) or json (default twilio)."`
	AppPublicURL     string `name:"app-public-url" env:"APP_PUBLIC_URL" placeholder:"URL" help:"URL at which the app believes it is called, for signatures and Host (default: APP_URL)."`
	AppTimeout       string `name:"app-timeout" env:"APP_TIMEOUT" placeholder:"DURATION" help:"How long the app may take to answer one message; it never gets more than REQUEST_BUDGET less 1s (default 8s)."`
	AppConcurrency   string `name:"app-concurrency" env:"APP_CONCURRENCY" placeholder:"N" help:"How many calls of the app may be in progress at once (default 256)."`
	AppImportCookies string `name:"app-import-cookies" env:"APP_IMPORT_COOKIES" placeholder:"true|false" help:"Give the cookies that Twilio has kept for the app to a conversation that has no session yet. Only for the switch-over, because Twilio does not sign cookies (default false)."`
	AppSecret        string `name:"app-secret" env:"APP_SECRET" placeholder:"SECRET,..." help:"Standard Webhooks secret (whsec_...) that signs the calls of the json protocol; several are separated by commas. A flag is visible in the process list: prefer the environment or a file."`
	AppSecretFile    string `name:"app-secret-file" env:"APP_SECRET_FILE" placeholder:"PATH" help:"File that contains APP_SECRET; it may have one secret on each line."`
}
