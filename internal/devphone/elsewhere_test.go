package devphone_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"smsession/internal/devphone"
)

// The page cannot ask anybody, so its phones contact no other server.
func TestThePageFollowsToNoOtherServer(t *testing.T) {
	var strays atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strays.Add(1) }))
	defer other.Close()
	leading := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer leading.Close()
	s := newService(t, func(o *devphone.Options) { o.URL = leading.URL })
	a := s.ask("POST", "/dev/send", hello, headers("Content-Type", "application/json"))
	if a.status != 200 || !strings.Contains(a.body, "Twilio would follow") || strays.Load() > 0 {
		t.Errorf("it gets %d %s, and the other server %d requests", a.status, a.body, strays.Load())
	}
}
