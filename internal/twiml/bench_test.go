package twiml

import "testing"

// Our own service and Twilio's libraries write the first document. The libraries write the third document for a Body.
func BenchmarkReadResponse(b *testing.B) {
	for _, row := range []struct{ name, document string }{
		{"text", `<?xml version="1.0" encoding="UTF-8"?><Response><Message>Hello, thanks for message number 2</Message></Response>`},
		{"escaped text", `<?xml version="1.0" encoding="UTF-8"?><Response><Message>It&#39;s message number 2 &amp; more</Message></Response>`},
		{"Body", `<?xml version="1.0" encoding="UTF-8"?><Response><Message><Body>Hello, thanks for message number 2</Body></Message></Response>`},
	} {
		body := []byte(row.document)
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := ReadResponse(200, "text/xml; charset=utf-8", body); len(d.Verbs) != 1 {
					b.Fatal("the message is not read")
				}
			}
		})
	}
}
