package phone_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"smsession/internal/phone"
)

// BenchmarkSend is a whole message: parameters, signature, HTTP to a trivial handler in this process, cookie, TwiML.
// Both sides share the processors.
func BenchmarkSend(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		w.Header().Set("Set-Cookie", "smsession=0123456789012345678901234567890123456789012; Path=/; Max-Age=14400; HttpOnly")
		w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?><Response><Message>Hello, thanks for message number 2</Message></Response>`))
	}))
	defer server.Close()
	network := new(phone.Network)
	defer network.Close()
	phones := make([]*phone.Phone, 2000)
	for i := range phones {
		var err error
		phones[i], err = phone.New(phone.Options{
			From:      fmt.Sprintf("+1202555%04d", i),
			To:        "+15005550006",
			AuthToken: "12345",
			Webhook:   phone.Endpoint{URL: "https://sms.example.com/sms", Address: server.URL + "/sms"},
			Network:   network,
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var next atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			d := phones[next.Add(1)%int64(len(phones))].Send(ctx, phone.Message{Body: "Are you there?"})
			if !d.OK() || len(d.Replies) != 1 {
				b.Errorf("%+v", d)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}
