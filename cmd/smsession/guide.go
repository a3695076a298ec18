package main

import (
	"fmt"
	"io"
	"net/url"

	"smsession/internal/session"
	"smsession/internal/twilio"
)

// The numbers of the guide: Twilio's own test number, and one from the range that is set aside for fiction.
const (
	guideTo   = "+15005550006"
	guideFrom = "+12025550143"
)

// guide is what `smsession dev` tells a newcomer.
type guide struct {
	devFile
	redisPort, prefix string
}

func (g guide) print(w io.Writer) {
	fmt.Fprintf(w, "Open %s/ in a browser: it has a phone to text this service with, and shows what happens.\n\n", g.URL)
	fmt.Fprintf(w, "The service is at %s, its Redis on port %s, on this host alone.\n", g.URL, g.redisPort)
	if g.redisPort != "6379" {
		fmt.Fprintf(w, "Port 6379 is somebody else's: mind the -p below.\n")
	}
	fmt.Fprintf(w, "\nThree messages from one sender, signed as Twilio signs them. Paste them into another terminal:\n\n")
	for _, body := range []string{"Hello", "Are you there?", "Good night"} {
		fmt.Fprintf(w, "  %s\n", g.curl(body))
	}
	keys := session.Keys{Prefix: g.prefix}
	fmt.Fprintf(w, `
The same line again is a repeat of the same message: it gets the same answer and is not counted.

The live conversations, the record of this one, and its time left:

  %[1]s --scan --pattern %[2]s
  %[3]s
  %[1]s ttl %[4]s

This Redis forgets everything on exit. Ctrl-C ends it.
`, g.redisCLI(), shellQuote(keys.Prefix+"conversation:*"), g.readRecord(guideTo, guideFrom),
		shellQuote(keys.Conversation(guideTo, guideFrom)))
	if g.path != "" {
		fmt.Fprintf(w, "To sign messages of your own: the auth token, new each time, is in %s.\n", g.path)
	}
	fmt.Fprintln(w)
}

func (g guide) redisCLI() string { return "redis-cli -p " + g.redisPort }

// readRecord is a command line that prints the record of a conversation.
func (g guide) readRecord(to, from string) string {
	keys := session.Keys{Prefix: g.prefix}
	return fmt.Sprintf(`%[1]s get %[2]s"$(%[1]s get %[3]s)"`, g.redisCLI(), shellQuote(keys.Session("")), shellQuote(keys.Conversation(to, from)))
}

// curl is a command line that posts a message.
func (g guide) curl(body string) string {
	form := url.Values{
		"AccountSid": {g.AccountSID},
		"Body":       {body},
		"From":       {guideFrom},
		"MessageSid": {"SM" + randomHex()},
		"To":         {guideTo},
	}.Encode()
	parsed, err := twilio.ParseForm([]byte(form))
	if err != nil {
		panic(err) // url.Values writes well-formed forms
	}
	signature := twilio.Sign(g.AuthToken, g.PublicURL+"/sms", parsed)
	return fmt.Sprintf("curl -s -w '\\n' -H %s -d %s %s",
		shellQuote("X-Twilio-Signature: "+signature), shellQuote(form), g.URL+"/sms")
}
