package main

import (
	"smsession/internal/config"
	"smsession/internal/config/redisurl"
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
func poolOptions(u redisurl.URL) redispool.Options {
	o := redispool.Options{Database: u.Database, Credentials: func() redispool.Credentials { return credentials(u) }}
	switch u.Topology {
	case redisurl.Sentinel:
		o.Sentinels = &redispool.Sentinels{Addrs: u.Addrs, Primary: u.Primary}
	case redisurl.Cluster:
		o.Cluster = u.Addrs
	default:
		o.Addr = u.Addrs[0]
	}
	return o
}

// credentials returns the credentials in the settings.
func credentials(u redisurl.URL) redispool.Credentials {
	return redispool.Credentials{Redis: login(u.Redis), Sentinels: login(u.Sentinels)}
}

func login(l redisurl.Login) redispool.Login {
	return redispool.Login{Username: l.Username, Password: l.Password, TLS: l.TLS}
}
