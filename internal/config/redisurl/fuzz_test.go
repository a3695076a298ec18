package redisurl_test

import (
	"net"
	"reflect"
	"strings"
	"testing"

	"smsession/internal/config/redisurl"
)

// secret is a part of each URL. No error may quote it.
const secret = "S3cr3t"

// FuzzParse inserts the secret at any position of a URL. An accepted URL has an address, masks the secret if it is a
// password, and is parsed again from its printed form. The error for any other URL does not contain the secret.
func FuzzParse(f *testing.F) {
	for _, seed := range [][2]string{
		{"", ""}, {"://", ""}, {"", "://host"}, {"redis+", "://host"},
		{"redis://", "@host"}, {"redis://:", ""}, {"redis://user:", "@host:port%zz"}, {"redis://user:", "@host:99999"},
		{"redis://user:", "@ho st"}, {"redis://user:", "@\x7f"}, {"redis://user:", "\x00@host"}, {"redis://user:", "%@host"},
		{"redis://user:", "@[::1"}, {"redis://user:pa/", "@host"}, {"redis://user:12/", "@host"}, {"redis://user:12?", "@host"},
		{"redis://user:12?", "=1"}, {"redis://user:12?db=", "@host"}, {"redis://user:12#", "@host"}, {"redis://user:x@host/", ""},
		{"redis://user:x@host?password=", ""}, {"redis+sentinel://:", "@host"}, {"redis+sentinel://host,user:", "@host/primary?db=x"},
		{"redis+sentinel://host/primary?sentinel_password=", "&x=1&db=x"}, {"redis+cluster://:12?ca_file=", "@host"},
		{"rediss://host?ca_file=/", ""}, {"rediss://host?key_file=/key&cert_file=/", ""},
		{"rediss://user:", "@host:6380/3"}, {"redis+unix://user:", "@/run/redis.sock?db=3"}, {"redis://:", "@[::1]"},
		{"redis+sentinel://a,b/m?db=1&tls=true&sentinel_username=u&sentinel_password=", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		raw := before + secret + after
		u, err := redisurl.Parse(raw, noFiles)
		if err != nil {
			if leaks(err.Error()) {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		for _, addr := range u.Addrs {
			host, port, err := net.SplitHostPort(addr)
			isSocket := u.Topology == redisurl.Unix && strings.HasPrefix(addr, "/")
			if !isSocket && (err != nil || host == "" || port == "") || u.Database < 0 {
				t.Errorf("%q: accepted as %#v", raw, u)
			}
		}
		masked := u.String()
		u.Redis.Password, u.Sentinels.Password = "", "" // Parse refuses the mask
		if !leaks(u.String()) && leaks(masked) {
			t.Errorf("%q: printed as %s", raw, masked)
		}
		again, err := redisurl.Parse(u.String(), noFiles)
		if err != nil || !reflect.DeepEqual(again, u) {
			t.Errorf("%q: printed as %s, which is read as %#v, %v", raw, u, again, err)
		}
	})
}

// leaks reports whether text contains the secret. It ignores case, because the host of a URL may get another case.
func leaks(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(secret)) }
