package main

import (
	"smsession/internal/config"
	"smsession/internal/redispool"
)

// servicePool returns the options of the pool that messages use.
func servicePool(cfg config.Config, secrets *secrets) redispool.Options {
	return redispool.Options{
		URL:          cfg.Redis,
		Current:      secrets.url,
		Outdated:     secrets.outdated,
		WaitReplicas: cfg.WaitReplicas,
		Connections:  cfg.Connections,
	}
}
