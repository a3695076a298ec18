package load

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smsession/internal/phone"
)

func TestLoopback(t *testing.T) {
	rows := []struct {
		name string
		urls []string
		ok   bool
	}{
		{"the loopback address", []string{"http://127.0.0.1:8080/sms"}, true},
		{"a loopback address other than 127.0.0.1", []string{"http://127.4.5.6/sms"}, true},
		{"the loopback address of IPv6", []string{"https://[::1]:8443/sms"}, true},
		{"localhost", []string{"http://localhost:8080/sms"}, true},
		{"a webhook and a fallback on this host", []string{"http://127.0.0.1/sms", "http://127.0.0.2/sms"}, true},
		{"another address", []string{"http://192.0.2.1/sms"}, false},
		{"an address of the local network", []string{"http://10.0.0.1/sms"}, false},
		{"another address of IPv6", []string{"http://[2001:db8::1]/sms"}, false},
		{"a fallback on another host", []string{"http://127.0.0.1/sms", "http://192.0.2.1/sms"}, false},
		{"a loopback address as a password", []string{"http://127.0.0.1:80@192.0.2.1/sms"}, false},
		{"a name without an address", []string{"http://nobody.invalid/sms"}, false},
		{"no host", []string{"/sms"}, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var endpoints []phone.Endpoint
			for _, url := range row.urls {
				endpoints = append(endpoints, phone.Endpoint{URL: url},
					phone.Endpoint{URL: "https://sms.example.com/sms", Address: url})
			}
			if err := Loopback(t.Context(), append(endpoints, phone.Endpoint{})...); (err == nil) != row.ok {
				t.Error(err)
			}
		})
	}
}

func TestUnknownHost(t *testing.T) {
	err := Loopback(t.Context(), phone.Endpoint{URL: "http://user:S3cr3t@nobody.invalid/sms?key=S3cr3t"})
	if want := `the host "nobody.invalid" has no address: check its name`; err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

func TestLoopbackChecksEveryAddress(t *testing.T) {
	here, there := net.IPAddr{IP: net.IPv4(127, 0, 0, 1)}, net.IPAddr{IP: net.IPv4(192, 0, 2, 1)}
	if !loopback([]net.IPAddr{here}) || loopback([]net.IPAddr{here, there}) || loopback([]net.IPAddr{there, here}) {
		t.Error("one loopback address of several is enough")
	}
}

// notFollowed is a phone whose webhook leads to another server. Each delivery takes a second.
type notFollowed struct{ sent *atomic.Int64 }

func (l notFollowed) Send(context.Context, phone.Message) *phone.Delivery {
	l.sent.Add(1)
	time.Sleep(time.Second)
	return &phone.Delivery{NotFollowed: "https://other.example", Findings: []phone.Finding{{Detail: "not followed"}}}
}

// After the first delivery has ended, each worker can still begin the one delivery that was waiting for it.
func TestNotFollowedEndsTheRun(t *testing.T) {
	sent := new(atomic.Int64)
	o := usualLoad(newServer())
	o.Expect, o.Phone = expects(ExpectNone), func(string) (Sender, error) { return notFollowed{sent}, nil }
	report, err := runInFakeTime(t, o)
	if !errors.Is(err, ErrNotFollowed) || !strings.Contains(err.Error(), "https://other.example") || report != nil ||
		sent.Load() > int64(2*o.InFlight) {
		t.Errorf("%v, %+v after %d", err, report, sent.Load())
	}
}

func TestPermit(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"0.0.0.0:80": false, "10.0.0.1:80": false, "192.0.2.1:80": false, "[::]:80": false,
		"[2001:db8::1]:80": false, "localhost:80": false, "": false,
	} {
		if err := Permit(address); (err == nil) != ok || err != nil && !errors.Is(err, ErrRemote) {
			t.Errorf("%q: %v", address, err)
		}
	}
}
