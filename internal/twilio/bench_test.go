package twilio_test

import (
	"testing"

	"smsession/internal/conversation"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

func BenchmarkParseForm(b *testing.B) {
	body := []byte(capturedBody)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := twilio.ParseForm(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	form := parse(b, capturedBody)
	for _, row := range []struct{ name, signed string }{
		{"as configured", "https://sms.example.com/sms"},
		{"with the port", "https://sms.example.com:443/sms"},
	} {
		b.Run(row.name, func(b *testing.B) {
			v := twilio.NewVerifier(weburl.Split("https://sms.example.com/sms"), tokensOf(vectorToken))
			signature := twilio.Sign(vectorToken, row.signed, form)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := v.Verify(signature, "", form); !ok {
					b.Fatal("refused")
				}
			}
		})
	}
}

// BenchmarkRequest measures everything that this package does for one request.
func BenchmarkRequest(b *testing.B) {
	v := twilio.NewVerifier(weburl.Split("https://sms.example.com/sms"), tokensOf(vectorToken))
	signature := twilio.Sign(vectorToken, "https://sms.example.com/sms", parse(b, capturedBody))
	body := []byte(capturedBody)
	b.ReportAllocs()
	for b.Loop() {
		form, err := twilio.ParseForm(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, ok := v.Verify(signature, "", form); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkTwiML(b *testing.B) {
	reply := conversation.Text("Hello, thanks for message number 2")
	b.ReportAllocs()
	for b.Loop() {
		twilio.TwiML(reply)
	}
}
