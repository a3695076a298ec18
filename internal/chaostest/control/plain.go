package control

import (
	"io"
	"net/http"
	"time"

	"github.com/alexedwards/scs/redisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/gomodule/redigo/redis"
	"github.com/twilio/twilio-go/client"

	"smsession/internal/webhooktest"
)

// Plain is the server that the libraries' documentation describes: scs's middleware with redisstore, the counter of the
// tutorial, and twilio-go's validator.
func Plain(pool *redis.Pool) http.Handler {
	sessions := scs.New()
	sessions.Store = redisstore.New(pool)
	sessions.IdleTimeout = 4 * time.Hour
	sessions.Cookie.Name = "smsession"
	validator := client.NewRequestValidator(webhooktest.AuthToken)
	return sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !validator.ValidateBody(webhooktest.PublicURL+r.URL.Path, body, r.Header.Get("X-Twilio-Signature")) {
			http.Error(w, "Forbidden", http.StatusForbidden)
			return
		}
		count := sessions.GetInt(r.Context(), "counter") + 1
		sessions.Put(r.Context(), "counter", count)
		Greet(w, count)
	}))
}
