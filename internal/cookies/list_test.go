package cookies

import (
	"slices"
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
