package redispool

import "testing"

func TestWhatNodesSayOfEachOtherCanBeDialled(t *testing.T) {
	n := &nodes{options: Options{Cluster: []string{"redis.example.com:7000", "other:7000"}}}
	for _, row := range []struct{ said, want string }{
		{"10.0.0.1:6379", "10.0.0.1:6379"},
		{"node.example.com:6379", "node.example.com:6379"},
		{"2001:db8::1:6379", "[2001:db8::1]:6379"},
		{"[2001:db8::1]:6379", "[2001:db8::1]:6379"},
		{":6379", "redis.example.com:6379"},
	} {
		if got := n.reachable(row.said); got != row.want {
			t.Errorf("%q is dialled as %q, want %q", row.said, got, row.want)
		}
	}
}
