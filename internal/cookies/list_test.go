package cookies

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	for _, row := range []struct {
		name string
		sets []string
		want string
	}{
		{"cookies keep the order of their creation", []string{"b=1", "a=2"}, "b=1; a=2"},
		{"a new value takes the place of the old one", []string{"a=1", "b=2", "a=3"}, "a=3; b=2"},
		{"names of different case are different cookies", []string{"a=1", "A=2"}, "a=1; A=2"},
		{"a value is joined byte for byte", []string{`a="x y,z\"=`}, `a="x y,z\"=`},
		{"Max-Age=0 deletes the cookie with the same name", []string{"a=1", "b=2", "a=; Max-Age=0"}, "b=2"},
		{"Max-Age=0 sets nothing", []string{"a=1; Max-Age=0"}, ""},
		{"a deleted cookie goes to the end when it is set again", []string{"a=1", "b=2", "a=; Max-Age=0", "a=3"}, "b=2; a=3"},
		{"the path, the domain and Secure have no effect", []string{"a=1; Path=/x", "b=2; Domain=other.example; Secure", "a=3; Path=/y"}, "a=3; b=2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := list(t, row.sets...).Header(); got != row.want {
				t.Errorf("the header is %q, want %q", got, row.want)
			}
		})
	}
}

// list returns the list after some Set-Cookie headers. It checks that Set does not change the earlier lists.
func list(t *testing.T, headers ...string) List {
	t.Helper()
	var l List
	for _, header := range headers {
		c, err := Parse(header, nil, now)
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(l)
		next := l.Set(c, now)
		if !slices.Equal(l, before) {
			t.Errorf("%s changes the earlier list", header)
		}
		l = next
	}
	return l
}

// Two lists that grow from the same list must not share memory.
func TestListsAreIndependent(t *testing.T) {
	base := list(t, "a=1", "b=2", "c=3")
	first, second := base.Set(Cookie{Name: "d", Value: "4"}, now), base.Set(Cookie{Name: "e", Value: "5"}, now)
	if first.Header() != "a=1; b=2; c=3; d=4" || second.Header() != "a=1; b=2; c=3; e=5" {
		t.Errorf("the lists are %q and %q", first.Header(), second.Header())
	}
}

func TestCheck(t *testing.T) {
	cookie := func(name string, bytes int) Cookie {
		return Cookie{Name: name, Value: strings.Repeat("v", bytes-len(name))}
	}
	many := func(n int) (l List) {
		for i := range n {
			l = append(l, cookie(fmt.Sprint("c", i), 4))
		}
		return l
	}
	for _, row := range []struct {
		name string
		list List
		ok   bool
	}{
		{"an empty list is accepted", nil, true},
		{"values of frameworks are accepted", List{{Name: "s", Value: `"{\"step\":1, \054}"=é`}}, true},
		{"a cookie of 4,096 bytes is accepted", List{cookie("a", 4096)}, true},
		{"a cookie of 4,097 bytes is refused", List{cookie("a", 4097)}, false},
		{"50 cookies are accepted", many(50), true},
		{"51 cookies are refused", many(51), false},
		{"a header of 7 KiB is accepted", List{cookie("a", 4096), cookie("b", 7168-4096-len("=; ="))}, true},
		{"a header of 7 KiB and a byte is refused", List{cookie("a", 4096), cookie("b", 7169-4096-len("=; ="))}, false},
		{"a control character is refused", List{{Name: "a", Value: "\x01"}}, false},
		{"DEL is refused", List{{Name: "a", Value: "\x7f"}}, false},
		{"a tab in a name is refused", List{{Name: "a\tb", Value: "1"}}, false},
		{"bytes that are not UTF-8 are refused", List{{Name: "a", Value: "\xe9"}}, false},
		{"a character that begins in the name is refused", List{{Name: "a\xc3", Value: "\xa9"}}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := row.list.Check(); (err == nil) != row.ok {
				t.Errorf("Check returns %v", err)
			}
		})
	}
}
