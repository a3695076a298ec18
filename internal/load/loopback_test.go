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

func TestOnlyThisHostIsLoaded(t *testing.T) {
	rows := []struct {
		name string
		urls []string
		ok   bool
	}{
		{"the loopback address", []string{"http://127.0.0.1:8080/sms"}, true},
		{"any of the loopback addresses", []string{"http://127.4.5.6/sms"}, true},
		{"the loopback address of IPv6", []string{"https://[::1]:8443/sms"}, true},
		{"localhost", []string{"http://localhost:8080/sms"}, true},
		{"a webhook and a fallback here", []string{"http://127.0.0.1/sms", "http://127.0.0.2/sms"}, true},
		{"another address", []string{"http://192.0.2.1/sms"}, false},
		{"an address of one's own network", []string{"http://10.0.0.1/sms"}, false},
		{"another address of IPv6", []string{"http://[2001:db8::1]/sms"}, false},
		{"a fallback elsewhere", []string{"http://127.0.0.1/sms", "http://192.0.2.1/sms"}, false},
		{"a loopback address as a password", []string{"http://127.0.0.1:80@192.0.2.1/sms"}, false},
		{"a name that nobody has", []string{"http://nobody.invalid/sms"}, false},
		{"no host", []string{"/sms"}, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if err := Loopback(t.Context(), row.urls...); (err == nil) != row.ok {
				t.Error(err)
			}
		})
	}
}

func TestEveryAddressOfANameCounts(t *testing.T) {
	here, there := net.IPAddr{IP: net.IPv4(127, 0, 0, 1)}, net.IPAddr{IP: net.IPv4(192, 0, 2, 1)}
	if !loopback([]net.IPAddr{here}) || loopback([]net.IPAddr{here, there}) || loopback([]net.IPAddr{there, here}) {
		t.Error("one address of a name is enough")
	}
}

// led is a phone whose webhook leads elsewhere, after a second.
type led struct{ sent *atomic.Int64 }

func (l led) Send(context.Context, phone.Message) *phone.Delivery {
	l.sent.Add(1)
	time.Sleep(time.Second)
	return &phone.Delivery{NotFollowed: "https://other.example", Findings: []phone.Finding{{Detail: "not followed"}}}
}

// TestARunThatIsLedElsewhereEnds sends no more than is under way when the first delivery comes back.
func TestARunThatIsLedElsewhereEnds(t *testing.T) {
	sent := new(atomic.Int64)
	o := usual(newServer())
	o.Expect, o.Phone = ExpectNone, func(string) (Sender, error) { return led{sent}, nil }
	report, err := running(t, o)
	if !errors.Is(err, ErrLedAway) || !strings.Contains(err.Error(), "https://other.example") || report != nil || sent.Load() >= int64(2*o.InFlight) {
		t.Errorf("%v, %+v after %d", err, report, sent.Load())
	}
}
