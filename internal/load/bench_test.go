package load

import (
	"io"
	"net"
	"net/http"
	"testing"

	"smsession/internal/phone"
)

// BenchmarkRun measures a load over HTTP on this host. The handler does almost nothing. The load and the handler share
// the processor. Two idle cores handle roughly 9,000 messages a second.
func BenchmarkRun(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(greet)}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	network := new(phone.Network)
	defer network.Close()
	b.ResetTimer()
	report, err := Run(b.Context(), Options{
		Conversations: 2000, InFlight: 64, Messages: b.N,
		Burst: 5, FirstRace: 0.1, Resend: 0.1, LoseCookies: 0.05,
		Expect: expects(ExpectCount),
		Phone: func(from string) (Sender, error) {
			return phone.New(phone.Options{
				From: from, To: "+15005550006", AuthToken: "12345", Network: network,
				AccountSID: "AC00000000000000000000000000000001",
				Webhook:    phone.Endpoint{URL: "http://" + listener.Addr().String() + "/sms"},
			})
		},
	})
	if err != nil || report.Failed > 0 {
		b.Fatal(err, report.Errors)
	}
	b.ReportMetric(report.MessagesPerSecond, "msgs/s")
	b.ReportMetric(float64(report.Deliveries)/report.Seconds, "deliveries/s")
}

// greet answers without a session. Its count is wrong, but checking it takes as long as checking a correct count.
func greet(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("Set-Cookie", "session=0123456789abcdef; Path=/; Max-Age=14400; HttpOnly")
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Response><Message>Hello, thanks for message number 2</Message></Response>`)
}
