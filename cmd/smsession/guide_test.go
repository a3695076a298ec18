package main

import (
	"strings"
	"testing"
)

func TestGuideNamesTheRuntimeFileOnlyIfItIsThere(t *testing.T) {
	for path, want := range map[string]bool{"": false, "/run/user/1000/smsession/dev.json": true} {
		var out strings.Builder
		guide{devFile: devFile{URL: "http://127.0.0.1:8080", path: path}, redisPort: "6379", prefix: "sms:"}.print(&out)
		if strings.Contains(out.String(), "the auth token") != want || !strings.Contains(out.String(), path) {
			t.Errorf("with the file %q it says:\n%s", path, out.String())
		}
	}
}
