package config

import "smsession/internal/config/redisurl"

// Reread reads REDIS_URL or its file again, and the certificates that it names.
// It returns present with the new users, passwords and certificates. The error
// is a Faults; present is then returned unchanged. Another server, another
// database or another kind of connection is a fault: replicas that read their
// files at different times would keep the same conversation in two places.
func (f RedisFlags) Reread(present redisurl.URL) (redisurl.URL, error) {
	c := checker{}
	c.redis(f)
	if len(c.faults) == 0 && !c.config.Redis.SameServers(present) {
		c.fault("REDIS_URL_FILE", "names another server or database than at the start, or other TLS: restart the service to use it")
	}
	cfg, err := c.result()
	if err != nil {
		return present, err
	}
	return cfg.Redis, nil
}

// RereadTokens reads TWILIO_AUTH_TOKEN or its file again. The error is a Faults.
func (f Flags) RereadTokens() (AuthTokens, error) {
	c := checker{}
	c.authTokens(f.AuthTokenFlags)
	c.accounts(f.AccountFlags)
	cfg, err := c.result()
	return cfg.AuthTokens, err
}
