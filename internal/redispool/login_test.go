package redispool_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

var app = redisurl.Login{Username: "app", Password: "secret"}

func TestLogin(t *testing.T) {
	t.Parallel()
	user := []string{"--user", "app", "on", ">secret", "~*", "+@all"}
	mute := []string{"--user", "app", "on", ">secret", "~*", "-@all"}
	open16 := []string{"--databases", "16"}
	for _, row := range []struct {
		name    string
		args    []string
		login   redisurl.Login
		db      int
		refused bool
	}{
		{"a user with the right password is accepted", user, app, 0, false},
		{"a user with a wrong password is refused", user, redisurl.Login{Username: "app", Password: "wrong"}, 0, true},
		{"a user without any permission is refused", mute, app, 0, true},
		{"a user without a password is accepted", []string{"--user", "app", "on", "nopass", "~*", "+@all"}, redisurl.Login{Username: "app"}, 0, false},
		{"a password that the server does not ask for is refused", nil, password("secret"), 0, true},
		{"a password is refused by a server without AUTH", []string{"--rename-command", "AUTH", ""}, password("secret"), 0, true},
		{"the last database is accepted", open16, redisurl.Login{}, 15, false},
		{"a database after the last is refused", open16, redisurl.Login{}, 16, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			u := with(at(redistest.Start(t, redistest.Options{Args: row.args}).Addr()), row.login)
			u.Database = row.db
			err := ping(t.Context(), open(t, redispool.Options{URL: u}))
			if (err != nil) != row.refused || redispool.Refused(err) != row.refused {
				t.Errorf("got %v, which is a refusal: %v, want %v", err, redispool.Refused(err), row.refused)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "wrong")) {
				t.Errorf("the error quotes the password: %v", err)
			}
		})
	}
	t.Run("a wrong password is refused by a Redis before version 6", func(t *testing.T) {
		old := fake(t, map[string]string{"PING": "-NOAUTH Authentication required.", "AUTH": "-ERR invalid password"})
		if err := ping(t.Context(),
			open(t, redispool.Options{URL: with(at(old), password("wrong"))})); !redispool.Refused(err) {
			t.Errorf("got %v, want a refusal", err)
		}
	})
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{TLS: true, Password: "secret"})
	known := trusting(t, s)
	unknown := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1"}
	other := known.Clone()
	other.ServerName = "redis.example.com"
	for _, row := range []struct {
		name        string
		login       redisurl.Login
		ok, refused bool
	}{
		{"a server with a known authority is accepted", redisurl.Login{TLS: known, Password: "secret"}, true, false},
		{"a server with an unknown authority is refused", redisurl.Login{TLS: unknown, Password: "secret"}, false, true},
		{"a certificate for another name is refused", redisurl.Login{TLS: other, Password: "secret"}, false, true},
		{"a wrong password is refused", redisurl.Login{TLS: known, Password: "wrong"}, false, true},
		{"the error for a client without TLS is not a refusal", password("secret"), false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := ping(t.Context(), open(t, redispool.Options{URL: with(at(s.Addr()), row.login)}))
			if (err == nil) != row.ok || redispool.Refused(err) != row.refused {
				t.Fatalf("got %v, which is a refusal: %v, want %v", err, redispool.Refused(err), row.refused)
			}
		})
	}
	t.Run("a pipeline keeps its order", func(t *testing.T) {
		c := open(t, redispool.Options{URL: with(at(s.Addr()), redisurl.Login{TLS: known, Password: "secret"}),
			Timeout: patient}).Get()
		defer c.Close()
		for range 3 {
			c.Send("SET", "key", large)
			c.Send("APPEND", "key", large)
			got, err := redis.String(c.Do("GET", "key"))
			if got != large+large || err != nil {
				t.Fatalf("GET: %d bytes, %v, want %d bytes", len(got), err, 2*len(large))
			}
		}
	})
	t.Run("a server may require a client certificate", func(t *testing.T) {
		s := redistest.Start(t, redistest.Options{TLS: true, ClientCertificate: true})
		if err := ping(t.Context(),
			open(t, redispool.Options{URL: with(at(s.Addr()), redisurl.Login{TLS: s.ClientTLS()})})); err != nil {
			t.Errorf("with a certificate: %v", err)
		}
		eventually(t, func() error { // the connection may end before the client reads the refusal
			p := open(t, redispool.Options{URL: with(at(s.Addr()), redisurl.Login{TLS: trusting(t, s)})})
			if err := ping(t.Context(), p); !redispool.Refused(err) {
				return fmt.Errorf("without a certificate: %w, want a refusal", err)
			}
			return nil
		})
	})
}

func TestOutdatedLogin(t *testing.T) {
	t.Parallel()
	secure := redistest.Start(t, redistest.Options{TLS: true, ClientCertificate: true})
	stranger := redistest.Start(t, redistest.Options{TLS: true})
	for _, row := range []struct {
		name        string
		first, next redisurl.Login
	}{
		{"an authority that did not sign the server's certificate is replaced", redisurl.Login{TLS: stranger.ClientTLS()}, redisurl.Login{TLS: secure.ClientTLS()}},
		{"a missing client certificate is replaced", redisurl.Login{TLS: trusting(t, secure)}, redisurl.Login{TLS: secure.ClientTLS()}},
	} {
		t.Run(row.name, func(t *testing.T) {
			replacesLogin(t, with(at(secure.Addr()), row.first), with(at(secure.Addr()), row.next))
		})
	}
	sentinels := redistest.StartSentinels(t, 0, 1, redistest.Options{Password: "secret"})
	right := with(behindSentinels(sentinels.Addrs()...), password("secret"))
	right.Sentinels = password("secret")
	for name, login := range map[string]redisurl.Login{
		"a wrong password for the Sentinels is replaced":   password("wrong"),
		"a missing password for the Sentinels is replaced": {},
	} {
		t.Run(name, func(t *testing.T) {
			first := right
			first.Sentinels = login
			replacesLogin(t, first, right)
		})
	}
	away := redistest.Start(t, redistest.Options{})
	away.Kill()
	mute := redistest.Start(t, redistest.Options{Args: []string{"--user", "app", "on", ">secret", "~*", "-@all"}})
	for name, server := range map[string]*redistest.Server{
		"a server that is down does not make the login outdated": away,
		"a missing permission does not make the login outdated":  mute,
	} {
		t.Run(name, func(t *testing.T) {
			var outdated atomic.Int64
			p := open(t, redispool.Options{URL: with(at(server.Addr()), app), Outdated: func() { outdated.Add(1) }})
			if err := ping(t.Context(), p); err == nil || outdated.Load() != 0 {
				t.Errorf("got %v, and the login was outdated %d times", err, outdated.Load())
			}
		})
	}
	t.Run("an open connection is used after its password has changed", func(t *testing.T) {
		s := redistest.Start(t, redistest.Options{Args: []string{"--user", "app", "on", ">secret", "~*", "+@all"}})
		p := open(t, redispool.Options{URL: with(at(s.Addr()), app), Timeout: patient, Outdated: func() {
			t.Error("the login was outdated")
		}})
		before := id(t, p)
		s.CLI("ACL", "SETUSER", "app", ">new", "<secret")
		if id(t, p) != before {
			t.Error("a connection that works was dropped")
		}
	})
}

// These errors are hard to cause on loopback. Their texts come from Redis.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{redis.Error("DENIED Redis is running in protected mode because protected mode is enabled"), true},
		{redis.Error("NOAUTH Authentication required."), true},
		{redis.Error("NOPERM this user has no permissions to run the 'scan' command"), true},
		{fmt.Errorf("connect to redis:6379: %w", redis.Error("WRONGPASS invalid username-password pair or user is disabled.")), true},
		{redis.Error("LOADING Redis is loading the dataset in memory"), false},
		{redis.Error("READONLY You can't write against a read only replica."), false},
		{redis.Error("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."), false},
		{redis.Error("ERR max number of clients reached"), false},
		{redis.Error("CLUSTERDOWN The cluster is down"), false},
		{redis.Error("TRYAGAIN Multiple keys request during rehashing of slot"), false},
		{redis.Error("NOREPLICAS Not enough good replicas to write."), false},
		{redis.Error("OOM command not allowed when used memory > 'maxmemory'."), false},
		{redis.Error("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."), false},
		{redis.Error("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."), false},
		{redis.Error(""), false},
		{io.EOF, false},
		{errors.New("WRONGPASS in an error that no server has sent"), false},
	} {
		if got := redispool.Refused(row.err); got != row.want {
			t.Errorf("Refused(%v) = %v, want %v", row.err, got, row.want)
		}
	}
}
