package redispool

import "testing"

func TestWhatNodesSayOfEachOtherCanBeDialled(t *testing.T) {
	for _, row := range []struct{ said, want string }{
		{"10.0.0.1:6379", "10.0.0.1:6379"},
		{"node.example.com:6379", "node.example.com:6379"},
		{"2001:db8::1:6379", "[2001:db8::1]:6379"},
		{"[2001:db8::1]:6379", "[2001:db8::1]:6379"},
		{":6379", "answered.example.com:6379"},
		{"?:6379", "answered.example.com:6379"},
	} {
		if got := reachable(row.said, "answered.example.com:7000"); got != row.want {
			t.Errorf("%q is dialled as %q, want %q", row.said, got, row.want)
		}
	}
}
