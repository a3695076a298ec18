package main

import (
	"smsession/internal/config"
	"smsession/internal/redispool"
)

// poolOptions are the Redis of the settings.
func poolOptions(r config.Redis) redispool.Options {
	o := redispool.Options{Addr: r.Addr, Username: r.Username, Password: r.Password, Database: r.Database}
	if r.TLS {
		o.TLS = r.TLSConfig()
	}
	switch r.Topology {
	case config.Sentinel:
		o.Sentinels = &redispool.Sentinels{Addrs: r.Addrs(), Primary: r.Primary, Username: r.SentinelUsername, Password: r.SentinelPassword}
		if r.SentinelTLS {
			o.Sentinels.TLS = r.TLSConfig()
		}
	case config.Cluster:
		o.Cluster = r.Addrs()
	}
	return o
}
