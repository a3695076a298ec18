package config_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"smsession/internal/config"
	"smsession/internal/config/redisurl"
)

func TestRedisURL(t *testing.T) {
	want, err := redisurl.Parse("redis://app:pass@redis:7000/3", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, func(f *config.Flags) { f.RedisURL = "\tredis://app:pass@redis:7000/3 \n" })
	if !reflect.DeepEqual(got.Redis, want) {
		t.Errorf("got %#v, want %#v", got.Redis, want)
	}
	for _, content := range []string{"\ufeffredis://app:pass@redis:7000/3", "redis://app:pass@redis:7000/3\n",
		"\nredis://app:pass@redis:7000/3\r\n\n"} {
		got = read(t, func(f *config.Flags) { f.RedisURL, f.RedisURLFile = "", write(t, content) })
		if !reflect.DeepEqual(got.Redis, want) {
			t.Errorf("from a file with %q: got %#v, want %#v", content, got.Redis, want)
		}
	}
}

func TestRedisURLFaults(t *testing.T) {
	large := write(t, strings.Repeat("x", 64<<10+1))
	const name = "REDIS_URL (--redis-url): "
	checkFaults(t, []faultRow{
		{"everything is reported at once", func(f *config.Flags) { f.RedisURL = "redis://user@h/x?db=1#" },
			strings.Join([]string{
				name +
					"the URL has a user without a password: write user:password@host, or :password@host for the default user",
				name + "the path of the URL must be a database number, such as /0",
				name +
					"the query parameter db is not supported with this kind of Redis; in a password, write %3F for ?",
				name + "the URL must not have a #; in a password, write %23 for #"}, "\n")},
		{"the path of a missing certificate is not quoted",
			func(f *config.Flags) { f.RedisURL = "rediss://h?ca_file=/missing" },
			name + "the ca_file cannot be read: no such file or directory"},
		{"a certificate is not a directory", func(f *config.Flags) { f.RedisURL = "rediss://h?ca_file=/" },
			name + "the ca_file cannot be read: is a directory"},
		{"a certificate has at most 64 KiB", func(f *config.Flags) { f.RedisURL = "rediss://h?ca_file=" + large },
			name + "the ca_file is larger than 64 KiB"},
	})
}

func TestFileFaults(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	empty, blank, lines := write(t, ""), write(t, " \n"), write(t, "redis+sentinel://a\nb/m\n")
	large := write(t, strings.Repeat("x", 64<<10+1))
	file := func(path string) func(*config.Flags) {
		return func(f *config.Flags) { f.RedisURL, f.RedisURLFile = "", path }
	}
	const name = "REDIS_URL_FILE (--redis-url-file): "
	checkFaults(t, []faultRow{
		{"REDIS_URL and REDIS_URL_FILE must not both be set", func(f *config.Flags) { f.RedisURLFile = missing },
			"REDIS_URL (--redis-url): REDIS_URL_FILE is set, too: set only one of them"},
		{"TWILIO_AUTH_TOKEN and TWILIO_AUTH_TOKEN_FILE must not both be set",
			func(f *config.Flags) { f.TwilioAuthTokenFile = missing }, "TWILIO_AUTH_TOKEN (--twilio-auth-token): TWILIO_AUTH_TOKEN_FILE is set, too: set only one of them"},
		{"the file must exist", file(missing), name + `the file "` + missing +
			`" cannot be read: no such file or directory`},
		{"a relative path is not quoted", file("missing"), name + "the file cannot be read: no such file or directory"},
		{"a file must not be a directory", file(dir), name + `the file "` + dir + `" cannot be read: is a directory`},
		{"a file must not be empty", file(empty), name + `the file "` + empty + `" is empty`},
		{"a file must not be blank", file(blank), name + `the file "` + blank + `" is empty`},
		{"a file must have at most 64 KiB", file(large), name + `the file "` + large + `" is larger than 64 KiB`},
		{"a URL must have one line", file(lines), name + `the file "` + lines + `" has more than one line`},
		{"a fault in a file is reported with the setting of the file", file(write(t, "redis://h/x")), name +
			"the path of the URL must be a database number, such as /0"},
	})
}

func TestFileOf64KiB(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	got := read(t, func(f *config.Flags) { f.TwilioAuthToken, f.TwilioAuthTokenFile = "", write(t, long) })
	if len(got.AuthTokens) != 1 || got.AuthTokens[0].Value != long {
		t.Error("got another content")
	}
}
