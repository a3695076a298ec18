package redispool_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/config/redisurl"
	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

func TestRefusalsAreTold(t *testing.T) {
	user := []string{"--user", "app", "on", ">secret", "~*", "+@all"}
	for _, row := range []struct {
		name    string
		server  redistest.Options
		client  redispool.Options
		refused bool
	}{
		{"a wrong password is refused", redistest.Options{Password: "secret"}, redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{Password: "wrong"}}}, true},
		{"a missing password is refused", redistest.Options{Password: "secret"}, redispool.Options{}, true},
		{"a password that the server does not ask for is refused", redistest.Options{}, redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{Password: "secret"}}}, true},
		{"an unknown user is refused", redistest.Options{}, redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{Username: "app", Password: "secret"}}}, true},
		{"a user's wrong password is refused", redistest.Options{Args: user}, redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{Username: "app", Password: "wrong"}}}, true},
		{
			"a user who may do nothing is refused",
			redistest.Options{Args: []string{"--user", "app", "on", ">secret", "~*", "-@all"}},
			redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{Username: "app", Password: "secret"}}}, true,
		},
		{"a database beyond the last is refused", redistest.Options{}, redispool.Options{URL: redisurl.URL{Database: 16}}, true},
		{
			"a password is refused by a server that knows no AUTH, and not quoted as the server does",
			redistest.Options{Args: []string{"--rename-command", "AUTH", ""}}, redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{Password: "secret"}}}, true,
		},
		{"the right password is not", redistest.Options{Password: "secret"}, redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{Password: "secret"}}}, false},
		{"the right user is not", redistest.Options{Args: user}, redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{Username: "app", Password: "secret"}}}, false},
		{"the last database is not", redistest.Options{}, redispool.Options{URL: redisurl.URL{Database: 15}}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Start(t, row.server)
			row.client.URL.Addrs = []string{s.Addr()}
			err := pingInTime(t, open(t, row.client))
			if (err != nil) != row.refused || redispool.Refused(err) != row.refused {
				t.Errorf("Ping: %v, which counts as refused: %v, want %v", err, redispool.Refused(err), row.refused)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "wrong")) {
				t.Errorf("the error quotes the password: %v", err)
			}
			if unreachable(err) {
				t.Errorf("%v counts as the network's", err)
			}
		})
	}
}

func TestTLSIsTrustedByItsAuthorityOnly(t *testing.T) {
	s := redistest.Start(t, redistest.Options{TLS: true, Password: "secret"})
	known := trusting(t, s)
	stranger := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1"}
	other := known.Clone()
	other.ServerName = "redis.example.com"
	for _, row := range []struct {
		name    string
		client  redispool.Options
		ok      bool
		refused bool
	}{
		{"an authority that is known is trusted", redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{TLS: known, Password: "secret"}}}, true, false},
		{"one that is not known is refused", redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{TLS: stranger, Password: "secret"}}}, false, true},
		{"a certificate for another name is refused", redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{TLS: other, Password: "secret"}}}, false, true},
		{"a wrong password is refused over TLS too", redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{TLS: known, Password: "wrong"}}}, false, true},
		{"a client without TLS is not answered", redispool.Options{URL: redisurl.URL{Redis: redisurl.Login{Password: "secret"}}}, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.client.URL.Addrs = []string{s.Addr()}
			err := pingInTime(t, open(t, row.client))
			if (err == nil) != row.ok || redispool.Refused(err) != row.refused {
				t.Fatalf("Ping: %v, which counts as refused: %v, want %v", err, redispool.Refused(err), row.refused)
			}
		})
	}
}

func TestAServerMayAskForACertificate(t *testing.T) {
	s := redistest.Start(t, redistest.Options{TLS: true, ClientCertificate: true})
	if err := pingInTime(t, open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{s.Addr()}, Redis: redisurl.Login{TLS: s.ClientTLS()}}})); err != nil {
		t.Errorf("with one: %v", err)
	}
	// The refusal may be overtaken by the end of the connection.
	eventually(t, func() error {
		if err := pingInTime(t, open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{s.Addr()}, Redis: redisurl.Login{TLS: trusting(t, s)}}})); !redispool.Refused(err) {
			return fmt.Errorf("without one: %w, want a refusal", err)
		}
		return nil
	})
}

func TestAPipelineIsHeldBackUnderTLSToo(t *testing.T) {
	s := redistest.Start(t, redistest.Options{TLS: true})
	c := open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{s.Addr()}, Redis: redisurl.Login{TLS: trusting(t, s)}}}).Get()
	defer c.Close()
	for range 3 {
		c.Send("SET", "key", piece)
		c.Send("APPEND", "key", piece)
		got, err := redis.String(c.Do("GET", "key"))
		if got != piece+piece || err != nil {
			t.Fatalf("GET = %d bytes, %v, want %d", len(got), err, 2*len(piece))
		}
	}
}

func TestAServerThatIsAwayIsNoRefusal(t *testing.T) {
	s := redistest.Start(t, redistest.Options{})
	s.Kill()
	err := redispool.Ping(t.Context(), open(t, redispool.Options{URL: redisurl.URL{Addrs: []string{s.Addr()}}}))
	if err == nil || redispool.Refused(err) || !unreachable(err) {
		t.Errorf("Ping: %v, want an error of the network's and no refusal", err)
	}
}

// What can hardly be provoked on loopback, in Redis's own words.
func TestRefusedKnowsRedisWords(t *testing.T) {
	for _, row := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{redis.Error("DENIED Redis is running in protected mode because protected mode is enabled"), true},
		{redis.Error("NOAUTH Authentication required."), true},
		{fmt.Errorf("connect to Redis: %w", redis.Error("WRONGPASS invalid username-password pair or user is disabled.")), true},
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
		{errors.New("WRONGPASS is said by something else"), false},
	} {
		if got := redispool.Refused(row.err); got != row.want {
			t.Errorf("Refused(%v) = %v, want %v", row.err, got, row.want)
		}
	}
}

// unreachable reports whether err is the network's: nothing answered.
func unreachable(err error) bool {
	var e net.Error
	return errors.As(err, &e)
}
