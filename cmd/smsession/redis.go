package main

import (
	"smsession/internal/config"
	"smsession/internal/redispool"
)

// servicePool returns the options of the pool that messages use.
func servicePool(cfg config.Config, secrets *secrets) redispool.Options {
	o := poolOptions(cfg.Redis)
	o.Credentials, o.Outdated = secrets.credentials, secrets.outdated
	o.WaitReplicas, o.Connections = cfg.WaitReplicas, cfg.Connections
	return o
}

// poolOptions returns the options of a pool for the Redis in the settings.
func poolOptions(r config.Redis) redispool.Options {
	o := redispool.Options{Addr: r.Addr, Database: r.Database, Credentials: func() redispool.Credentials { return credentials(r) }}
	switch r.Topology {
	case config.Sentinel:
		o.Sentinels = &redispool.Sentinels{Addrs: r.Addrs(), Primary: r.Primary}
	case config.Cluster:
		o.Cluster = r.Addrs()
	}
	return o
}

// credentials returns the credentials in the settings.
func credentials(r config.Redis) redispool.Credentials {
	c := redispool.Credentials{
		Redis:     redispool.Login{Username: r.Username, Password: r.Password},
		Sentinels: redispool.Login{Username: r.SentinelUsername, Password: r.SentinelPassword},
	}
	if r.TLS {
		c.Redis.TLS = r.TLSConfig()
	}
	if r.SentinelTLS {
		c.Sentinels.TLS = r.TLSConfig()
	}
	return c
}
