package app

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"smsession/internal/conversation"
	"smsession/internal/weburl"
)

// Requests over TLS are counted as sent below TLS, so these connections need a test of their own.
func TestTLS(t *testing.T) {
	var requests atomic.Int32
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 3 {
			panic(http.ErrAbortHandler) // closes the connection
		}
		io.WriteString(w, "Hello")
	}))
	defer s.Close()
	newApp := func(config *tls.Config) *App {
		u := weburl.Split(s.URL + "/sms")
		a := NewTwilio(Options{
			URL: u, PublicURL: u, Timeout: time.Minute, Concurrency: 2, Registry: prometheus.NewRegistry(),
		})
		if config != nil {
			a.pool.tls.RootCAs = config.RootCAs
		}
		t.Cleanup(a.Close)
		return a
	}
	respond := func(a *App) error {
		_, _, err := a.Respond(t.Context(), conversation.State{}, conversation.Message{})
		return err
	}
	a := newApp(s.Client().Transport.(*http.Transport).TLSClientConfig)
	for range 2 {
		if err := respond(a); err != nil {
			t.Errorf("the app failed: %v", err)
		}
	}
	if err := respond(a); !errors.Is(err, Broken) || requests.Load() != 3 {
		t.Errorf("the error is %v after %d requests", err, requests.Load())
	}
	t.Run("a certificate that is not trusted makes the app unreachable", func(t *testing.T) {
		a := newApp(nil)
		a.options.Timeout = 100 * time.Millisecond
		if err := respond(a); !errors.Is(err, Unreachable) || requests.Load() != 3 {
			t.Errorf("the error is %v", err)
		}
	})
}
