package redispool_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"smsession/internal/redispool"
	"smsession/internal/redistest"
)

// resolver is a resolver that returns the same address for each name.
type resolver struct{ addr *netip.Addr }

func (r resolver) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{*r.addr}, nil
}

// several is a resolver that returns the same addresses for each name.
type several []string

func (s several) LookupNetIP(context.Context, string, string) (addrs []netip.Addr, err error) {
	for _, addr := range s {
		addrs = append(addrs, netip.MustParseAddr(addr))
	}
	return addrs, nil
}

// hang makes an address at which no connection is established: the accept queue is full, so the kernel drops each new
// connection.
func hang(t *testing.T, ip string, port int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	addr := netip.AddrPortFrom(netip.MustParseAddr(ip), uint16(port))
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: addr.Addr().As4(), Port: port}),
		syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		c, err := net.DialTimeout("tcp", addr.String(), 200*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { c.Close() })
		if n == 100 {
			t.Fatalf("%s still accepts connections", addr)
		}
	}
}

func TestNameWithSeveralAddresses(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	cluster := redistest.StartCluster(t, 1, false, redistest.Options{})
	name := "redis.example.com:" + strconv.Itoa(server.Port())
	clusterName := "redis.example.com:" + strconv.Itoa(cluster.Primaries[0].Port())
	hang(t, "127.0.0.2", server.Port())
	hang(t, "127.0.0.2", cluster.Primaries[0].Port())
	many := append(several(strings.Split(strings.Repeat("127.0.0.2 ", 8), " ")[:8]), "127.0.0.1")
	for _, row := range []struct {
		name    string
		options redispool.Options
	}{
		{"the first address may hang", redispool.Options{URL: at(name), Resolver: several{"127.0.0.2", "127.0.0.1"}}},
		{"all addresses except the last may hang", redispool.Options{URL: at(name), Resolver: many}},
		{"the last address may hang", redispool.Options{URL: at(name), Resolver: several{"127.0.0.1", "127.0.0.2"}}},
		{"Sentinels may name the host", redispool.Options{URL: behindSentinels(fakeSentinel(t, name)), Resolver: several{"127.0.0.2", "127.0.0.1"}}},
		{"the host may be a node of a Cluster", redispool.Options{URL: inCluster(clusterName), Resolver: several{"127.0.0.2", "127.0.0.1"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := open(t, row.options)
			eventually(t, func() error { return ping(t.Context(), p) })
		})
	}
	t.Run("an address that accepts connections and does not answer is tried once", func(t *testing.T) {
		server := redistest.Start(t, redistest.Options{})
		port := strconv.Itoa(server.Port())
		accepted := silent(t, listen(t, "127.0.0.2:"+port))
		p := open(t, redispool.Options{URL: at("redis.example.com:" + port),
			Resolver: several{"127.0.0.2", "127.0.0.1"}})
		if _, err := do(p, "PING"); err == nil || !strings.Contains(err.Error(), "127.0.0.2") {
			t.Errorf("the error is %v, want one with the address that hangs", err)
		}
		eventually(t, func() error { return ping(t.Context(), p) })
		fill(t, p, 5)
		if n := accepted(); n != 1 {
			t.Errorf("%d connections were made to the address that does not answer", n)
		}
	})
}

func TestNameThatMoves(t *testing.T) {
	t.Parallel()
	server, other := redistest.Start(t, redistest.Options{}), redistest.Start(t, redistest.Options{})
	port := strconv.Itoa(server.Port())
	go forward(listen(t, "127.0.0.2:"+port), other.Addr)
	synctest.Test(t, func(t *testing.T) {
		addr := netip.MustParseAddr("127.0.0.1")
		p := redispool.Open(redispool.Options{URL: at("redis.example.com:" + port), Timeout: patient,
			Resolver: resolver{&addr}})
		defer p.Close()
		if _, err := do(p, "SET", "key", "old"); err != nil {
			t.Error(err)
		}
		addr = netip.MustParseAddr("127.0.0.2")
		for range 7 { // longer than the maximum age of a connection
			time.Sleep(time.Minute)
			if _, err := do(p, "SET", "key", "new"); err != nil {
				t.Error(err)
			}
		}
	})
	if got := other.CLI("GET", "key"); got != "new" {
		t.Errorf("the server that the name leads to now has %q", got)
	}
}
