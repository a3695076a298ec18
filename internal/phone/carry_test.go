package phone

import (
	"net"
	"testing"
)

// A read from a pipe takes no more than one write put in.
func TestARequestIsWrittenAtOnce(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	to, err := Endpoint{URL: "https://sms.example.com/sms"}.place()
	if err != nil {
		t.Fatal(err)
	}
	r := request{method: "POST", to: to, form: []byte("Body=hi")}
	wire := r.appendTo(nil)
	first := make(chan string)
	go func() {
		buffer := make([]byte, 2*len(wire))
		n, _ := far.Read(buffer)
		far.Close()
		first <- string(buffer[:n])
	}()
	c := &conn{Conn: near}
	c.reader.Reset(c)
	c.carry(&buffers{wire: wire})
	if got := <-first; got != string(wire) {
		t.Errorf("what was written at once is %q, want %q", got, wire)
	}
}
