package load

import (
	"errors"
	"testing"
)

func TestNoConnectionIsMadeToAnotherHost(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"0.0.0.0:80": false, "10.0.0.1:80": false, "192.0.2.1:80": false, "[::]:80": false, "[2001:db8::1]:80": false, "localhost:80": false, "": false,
	} {
		if err := Permit(address); (err == nil) != ok || err != nil && !errors.Is(err, ErrRemote) {
			t.Errorf("%q: %v", address, err)
		}
	}
}
