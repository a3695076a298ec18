package dev

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"

	"smsession/internal/hostname"
	"smsession/internal/session/record"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

// The numbers of the guide. To is Twilio's own test number. From is in the range that is reserved for fiction.
const (
	To   = "+15005550006"
	From = "+12025550143"
)

// WriteGuide writes what a newcomer can do with the service. file is the path of the published file, or "" if there is none.
func (s Service) WriteGuide(w io.Writer, file string) error {
	keys := record.Keys{Prefix: s.Prefix}
	var b strings.Builder
	fmt.Fprintf(&b, "Open %s/ in a browser: it has a phone to text this service with, and shows what happens.\n\n", s.URL)
	fmt.Fprintf(&b, "The service is at %s, and its Redis is on port %s. Only this host can reach this Redis.\n", s.URL, s.redisPort())
	if hostname.IsLoopback(hostname.Of(s.Addr)) {
		fmt.Fprintf(&b, "Only this host can reach the service.\n")
	} else {
		fmt.Fprintf(&b, "Other hosts can reach the service at %s.\n", s.Addr)
	}
	if s.redisPort() != "6379" {
		fmt.Fprintf(&b, "Another program uses port 6379, so the redis-cli commands below need the -p.\n")
	}
	fmt.Fprintf(&b, "\nThree messages from one sender, signed as Twilio signs them. Paste them into another terminal:\n\n")
	for _, body := range []string{"Hello", "Are you there?", "Good night"} {
		fmt.Fprintf(&b, "  %s\n", s.curl(body))
	}
	fmt.Fprintf(&b, `
The same line again is a repeat of the same message: it gets the same answer and is not counted.

The live conversations, the record of this one, and the seconds that it has left:

  %[1]s --scan --pattern %[2]s
  %[3]s
  %[1]s ttl %[4]s

This Redis forgets everything on exit. Ctrl-C ends it.
`, s.redisCLI(), quote(keys.Prefix+"conversation:*"), s.ReadRecord(To, From), quote(keys.Conversation(To, From)))
	if file != "" {
		fmt.Fprintf(&b, "To sign your own messages, use the auth token in %s. It is new each time.\n", file)
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// ReadRecord returns a command line that prints the record of a conversation.
func (s Service) ReadRecord(to, from string) string {
	keys := record.Keys{Prefix: s.Prefix}
	return fmt.Sprintf(`%[1]s get %[2]s"$(%[1]s get %[3]s)"`, s.redisCLI(), quote(keys.Session("")), quote(keys.Conversation(to, from)))
}

func (s Service) redisCLI() string { return "redis-cli -p " + s.redisPort() }

func (s Service) redisPort() string { return s.Redis[strings.LastIndexByte(s.Redis, ':')+1:] }

// curl returns a command line that posts a message.
func (s Service) curl(body string) string {
	form := url.Values{
		"AccountSid": {s.AccountSID},
		"Body":       {body},
		"From":       {From},
		"MessageSid": {"SM" + RandomHex()},
		"To":         {To},
	}.Encode()
	parsed, err := twilio.ParseForm([]byte(form))
	if err != nil {
		panic(err) // url.Values writes well-formed forms
	}
	signature := twilio.Sign(s.AuthToken, s.PublicURL+weburl.WebhookPath, parsed)
	return fmt.Sprintf("curl -s -w '\\n' -H %s -d %s %s",
		quote("X-Twilio-Signature: "+signature), quote(form), s.URL+weburl.WebhookPath)
}

// quote makes text one word of a POSIX shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// RandomHex returns 32 random hexadecimal digits, as Twilio's auth tokens and SIDs have.
func RandomHex() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // does not fail
	return hex.EncodeToString(b[:])
}
