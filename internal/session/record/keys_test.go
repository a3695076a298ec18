package record_test

import (
	"slices"
	"testing"

	"github.com/gomodule/redigo/redis"
	"pgregory.net/rapid"

	"smsession/internal/redistest"
	"smsession/internal/session/record"
)

var keys = record.Keys{Prefix: "sms:"}

func TestAddresses(t *testing.T) {
	rows := []struct{ key, to, from string }{
		{"sms:conversation:+15005550006:+12025550143", "+15005550006", "+12025550143"},
		{"sms:conversation:whatsapp%3A+15005550006:whatsapp%3A+12025550143", "whatsapp:+15005550006", "whatsapp:+12025550143"},
		{"sms:conversation:12%25:%1B[2J", "12%", "\x1b[2J"},
	}
	for _, row := range rows {
		if to, from, ok := keys.Addresses(row.key); !ok || to != row.to || from != row.from {
			t.Errorf("%s: %q, %q, %t", row.key, to, from, ok)
		}
	}
	for _, key := range []string{"sms:session:a:b", "conversation:a:b", "sms:conversation:a", "sms:conversation:a:b:c",
		"sms:conversation:a:%", "sms:conversation:a:%4", "sms:conversation:a:%zz", "sms:conversation:a:%61", "sms:conversation:a:\x1b"} {
		if _, _, ok := keys.Addresses(key); ok {
			t.Errorf("%q is accepted as the key of a conversation", key)
		}
	}
}

// Operators rely on these names.
func TestTurnKey(t *testing.T) {
	for _, row := range []struct{ prefix, to, from, want string }{
		{"sms:", "+15005550006", "+12025550143", "sms:turn:+15005550006:+12025550143"},
		{"team:", "whatsapp:+15005550006", "{1%}", "team:turn:whatsapp%3A+15005550006:%7B1%25%7D"},
	} {
		if got := (record.Keys{Prefix: row.prefix}).Turn(row.to, row.from); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}

func TestAddressesOfAnyKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		to, from := rapid.String().Draw(t, "to"), string(rapid.SliceOf(rapid.Byte()).Draw(t, "from"))
		if gotTo, gotFrom, ok := keys.Addresses(keys.Conversation(to, from)); !ok || gotTo != to || gotFrom != from {
			t.Errorf("got %q, %q, %t", gotTo, gotFrom, ok)
		}
	})
}

// Redis itself shows what a pattern finds.
func TestPattern(t *testing.T) {
	odd := []string{"+1", "+12", "*", "?", "[a-z]", "b", `\*`, `\`, "^", "[^b]", "a:b", "%", "", "{b}"}
	redistest.Each(t, func(t *testing.T, b *redistest.Backend) {
		conn := redistest.Conn(t, b.Addr)
		for _, prefix := range []string{"sms:", "[x]*:"} {
			k := record.Keys{Prefix: prefix}
			for _, to := range odd {
				for _, from := range odd {
					do(t, conn, "SET", k.Conversation(to, from), "-")
				}
			}
			for _, address := range odd[:12] {
				for side, pattern := range map[string]string{
					"to": k.Pattern(address, ""), "from": k.Pattern("", address),
				} {
					found := matching(t, conn, pattern)
					if len(found) != len(odd) {
						t.Errorf("%s %q: %q finds %d keys", side, address, pattern, len(found))
					}
					for _, key := range found {
						to, from, _ := k.Addresses(key)
						if side == "to" && to != address || side == "from" && from != address {
							t.Errorf("%s %q: %q finds %q", side, address, pattern, key)
						}
					}
				}
				if found := matching(t, conn, k.Pattern(address, address)); !slices.Equal(found,
					[]string{k.Conversation(address, address)}) {
					t.Errorf("both %q: found %q", address, found)
				}
			}
			if found := matching(t, conn, k.Pattern("", "")); len(found) != len(odd)*len(odd) {
				t.Errorf("%d of %d conversations are found", len(found), len(odd)*len(odd))
			}
		}
	})
}

func do(t *testing.T, conn redis.Conn, command string, args ...any) any {
	t.Helper()
	reply, err := conn.Do(command, args...)
	if err != nil {
		t.Fatalf("%s %v: %v", command, args, err)
	}
	return reply
}

func matching(t *testing.T, conn redis.Conn, pattern string) []string {
	t.Helper()
	reply, err := redis.Values(do(t, conn, "SCAN", 0, "MATCH", pattern, "COUNT", 100_000), nil)
	if err != nil {
		t.Fatal(err)
	}
	found, err := redis.Strings(reply[1], nil)
	if err != nil || string(reply[0].([]byte)) != "0" {
		t.Fatal("the scan is not over", err)
	}
	return found
}
