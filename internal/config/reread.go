package config

// Reread reads REDIS_URL again, or its file, and the certificates that it
// names. It returns present with the users, passwords and certificates that
// stand there now. The error is a Faults, and present is returned as it is, if
// something is wrong there, or if it is another server or database, or is
// connected to in another way: replicas that read their files at different
// times would then keep the same conversation in two places.
func (f RedisFlags) Reread(present Redis) (Redis, error) {
	c := checker{}
	c.redis(f)
	if len(c.faults) == 0 && c.config.Redis.server() != present.server() {
		c.fault("REDIS_URL_FILE", "names another server or database than at the start, or other TLS: restart the service to use it")
	}
	cfg, err := c.result()
	if err != nil {
		return present, err
	}
	return cfg.Redis, nil
}

// server is what of r only a restart may change.
func (r Redis) server() Redis {
	r.Username, r.Password = "", ""
	r.SentinelUsername, r.SentinelPassword = "", ""
	r.CAFile, r.CertFile, r.KeyFile, r.ServerName = "", "", "", ""
	r.Roots, r.Certificate = nil, nil
	return r
}

// RereadTokens reads TWILIO_AUTH_TOKEN again, or its file. The error is a
// Faults.
func (f Flags) RereadTokens() (AuthTokens, error) {
	c := checker{}
	c.authTokens(f.AuthTokenFlags)
	c.accounts(f.AccountFlags)
	cfg, err := c.result()
	return cfg.AuthTokens, err
}
