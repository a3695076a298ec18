package cluster

import "testing"

func TestReachable(t *testing.T) {
	for _, row := range []struct{ name, addr, want string }{
		{"an IPv4 address does not change", "10.0.0.1:6379", "10.0.0.1:6379"},
		{"a host name does not change", "node.example.com:6379", "node.example.com:6379"},
		{"an IPv6 address gets brackets", "2001:db8::1:6379", "[2001:db8::1]:6379"},
		{"an IPv6 address keeps its brackets", "[2001:db8::1]:6379", "[2001:db8::1]:6379"},
		{"an empty host means the host of the node that answered", ":6379", "answered.example.com:6379"},
		{"an unknown host means the host of the node that answered", "?:6379", "answered.example.com:6379"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := reachable(row.addr, "answered.example.com:7000"); got != row.want {
				t.Errorf("%q becomes %q, want %q", row.addr, got, row.want)
			}
		})
	}
}

// nodeReply returns one node in a reply to CLUSTER SLOTS. Redis 7 sends the last list if the node prefers host names
// but has none.
func nodeReply(host string, port int64, more ...any) []any {
	return append([]any{[]byte(host), port, []byte("id")}, more...)
}

func TestParseLayout(t *testing.T) {
	const answered = "answered.example.com:7000"
	for _, row := range []struct {
		name    string
		reply   any
		primary string // of the last slot
		served  int
		ok      bool
	}{
		{"the first node of a range is the primary", []any{[]any{int64(0), int64(16383), nodeReply("a", 1), nodeReply("b", 2)}}, "a:1", 16384, true},
		{"a node without a host name has its IP address", []any{[]any{int64(0), int64(16383), nodeReply("?", 6379, []any{[]byte("ip"), []byte("2001:db8::1")})}},
			"[2001:db8::1]:6379", 16384, true},
		{"a slot may have no node", []any{[]any{int64(0), int64(5460), nodeReply("a", 1)}}, "", 5461, true},
		{"an empty reply is an empty layout", []any{}, "", 0, true},
		{"a reply without a list is an error", []byte("OK"), "", 0, false},
		{"a range without slots is an error", []any{[]any{}}, "", 0, false},
		{"a node without a port is an error", []any{[]any{int64(0), int64(1), []any{[]byte("a")}}}, "", 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			l, err := parseLayout(row.reply, answered)
			if (err == nil) != row.ok {
				t.Fatalf("the error is %v", err)
			}
			if err == nil && (l.primary(16383) != row.primary || l.served != row.served) {
				t.Errorf("the primary is %q, and %d slots are served, want %q and %d", l.primary(16383), l.served,
					row.primary, row.served)
			}
		})
	}
}
