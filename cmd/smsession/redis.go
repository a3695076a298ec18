package main

import (
	"smsession/internal/config"
	"smsession/internal/redispool"
)

// poolOptions are the Redis of the settings.
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

// credentials are those of the settings.
func credentials(r config.Redis) redispool.Credentials {
	c := redispool.Credentials{
		Username: r.Username, Password: r.Password,
		SentinelUsername: r.SentinelUsername, SentinelPassword: r.SentinelPassword,
	}
	if r.TLS {
		c.TLS = r.TLSConfig()
	}
	if r.SentinelTLS {
		c.SentinelTLS = r.TLSConfig()
	}
	return c
}
