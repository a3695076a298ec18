package phone_test

import (
	"fmt"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"smsession/internal/phone"
)

// BenchmarkSend measures a whole delivery: parameters, signature, HTTP to a trivial handler, cookie and TwiML. The
// phone and the handler run in the same process.
func BenchmarkSend(b *testing.B) {
	server := httptest.NewServer(sets("smsession=0123456789012345678901234567890123456789012; Path=/; Max-Age=14400; HttpOnly",
		responds(twiml("Hello, thanks for message number 2"))))
	defer server.Close()
	network := new(phone.Network)
	phones := make([]*phone.Phone, 2000)
	for i := range phones {
		phones[i] = newPhone(b, at(server.URL), between(fmt.Sprintf("+1202555%04d", i), to), func(o *phone.Options) {
			o.Network, o.Trace = network, false
		})
	}
	var next atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			d := send(b, phones[next.Add(1)%int64(len(phones))], "Are you there?")
			if !d.OK() || len(d.Replies) != 1 {
				b.Errorf("the delivery is %+v", d)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}
