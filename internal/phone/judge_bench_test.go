package phone

import (
	"net/http"
	"testing"
)

// The common document is what our own service and Twilio's libraries answer with; the other one is what the libraries
// make of a Body.
func BenchmarkJudge(b *testing.B) {
	header := http.Header{"Content-Type": {"text/xml; charset=utf-8"}}
	for _, row := range []struct{ name, document string }{
		{"common", `<?xml version="1.0" encoding="UTF-8"?><Response><Message>Hello, thanks for message number 2</Message></Response>`},
		{"escaped", `<?xml version="1.0" encoding="UTF-8"?><Response><Message>It&#39;s message number 2 &amp; more</Message></Response>`},
		{"body", `<?xml version="1.0" encoding="UTF-8"?><Response><Message><Body>Hello, thanks for message number 2</Body></Message></Response>`},
	} {
		body := []byte(row.document)
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := judge(judgedURL, http.StatusOK, header, body); len(d.verbs) != 1 {
					b.Fatal("no message")
				}
			}
		})
	}
}
