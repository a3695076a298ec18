package cluster

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

// This is the reply of a Redis 7 node that prefers host names and knows none. The second list has the other addresses
// of the node.
func TestANodeWithoutANameIsFoundByItsIPAddress(t *testing.T) {
	reply := []any{[]any{int64(0), int64(16383), []any{[]byte("?"), int64(6379), []byte("id"), []any{[]byte("ip"), []byte("2001:db8::1")}}}}
	l, err := parseLayout(reply, "answered.example.com:7000")
	if err != nil || !l.nodes["[2001:db8::1]:6379"] || !l.complete() {
		t.Errorf("the layout is %v, %v", l, err)
	}
}
