package devservice

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"smsession/internal/hostname"
	"smsession/internal/phone"
	"smsession/internal/session/record"
	"smsession/internal/twilio"
	"smsession/internal/weburl"
)

// The numbers of the guide. To is Twilio's own test number. From is in the range that is reserved for fiction.
const (
	To   = "+15005550006"
	From = "+12025550143"
)

// WriteGuide writes a text that explains to a newcomer what to do with the service. It calls w.Write once and returns
// its error. file is the path of the published file, or "" if there is none.
func (s Service) WriteGuide(w io.Writer, file string) error {
	keys, port := record.Keys{Prefix: s.Prefix}, s.redisPort()
	page := "The page has a phone to send messages to this service."
	if s.App != "" {
		page = "The page is a phone and an inspector for your app\n" + s.App + ". You need no account.\n" +
			"It shows each call of the app: what was sent, what came back, and what changed."
	}
	reach, token := "Only this host can reach the service.", ""
	if !hostname.IsLoopback(hostname.Of(s.Addr)) {
		reach = fmt.Sprintf("Other hosts can reach the service at %s.", s.Addr)
	}
	if port != RedisPort {
		reach += "\nAnother program uses port " + RedisPort + ", so the redis-cli commands below need the flag -p."
	}
	if file != "" {
		token = fmt.Sprintf("To sign your own messages, use the auth token in %s. It is new each time.\n", file)
	} else {
		token = "Other commands do not find this service. For phone and load, set its auth token, which is new each time,\n" +
			"and name its URL:\n\n" + s.phoneCommand() + "\n"
	}
	if s.App != "" {
		token += "If your app checks signatures, give it this auth token.\n"
	}
	_, err := fmt.Fprintf(w, `Open %[1]s/ in a browser. %[12]s

The service is at %[1]s, and its Redis is on port %[2]s. Only this host can reach this Redis.
%[3]s

Three messages from one sender, signed as Twilio signs them. Paste them into another terminal:

  %[4]s
  %[5]s
  %[6]s

If you send a line again, it is a repeat of the same message. It gets the same reply and is not counted.

The live conversations, the record of this conversation, and the seconds until it expires:

  %[7]s --scan --pattern %[8]s
  %[9]s
  %[7]s ttl %[10]s

All data in this Redis is lost on exit. Ctrl-C ends the service.
%[11]s
`, s.URL, port, reach, s.curl("Hello"), s.curl("Are you there?"), s.curl("Good night"), s.redisCLI(),
		quote(keys.Prefix+"conversation:*"), s.ReadRecord(To, From), quote(keys.Conversation(To, From)), token, page)
	return err
}

// phoneCommand returns command lines that send a message to the service without its file.
func (s Service) phoneCommand() string {
	public := ""
	if s.PublicURL != s.URL {
		public = " --public-url " + quote(s.PublicURL+weburl.WebhookPath)
	}
	return fmt.Sprintf("  export TWILIO_AUTH_TOKEN=%s TWILIO_ACCOUNT_SID=%s\n  smsession phone --url %s%s hi\n",
		s.AuthToken, s.AccountSID, s.URL+weburl.WebhookPath, public)
}

// ReadRecord returns a command line that prints the record of a conversation.
func (s Service) ReadRecord(to, from string) string {
	keys := record.Keys{Prefix: s.Prefix}
	return fmt.Sprintf(`%[1]s get %[2]s"$(%[1]s get %[3]s)"`, s.redisCLI(), quote(keys.Session("")),
		quote(keys.Conversation(to, from)))
}

func (s Service) redisCLI() string { return "redis-cli -p " + s.redisPort() }

func (s Service) redisPort() string { return s.Redis[strings.LastIndexByte(s.Redis, ':')+1:] }

// curl returns a command line that posts a new message.
func (s Service) curl(body string) string {
	form := url.Values{"AccountSid": {s.AccountSID}, "Body": {body}, "From": {From}, "MessageSid": {phone.NewSID()},
		"To": {To}}.Encode()
	parsed, err := twilio.ParseForm([]byte(form))
	if err != nil {
		panic(err) // url.Values writes well-formed forms
	}
	signature := twilio.Sign(s.AuthToken, s.PublicURL+weburl.WebhookPath, parsed)
	return fmt.Sprintf("curl -s -w '\\n' -H %s -d %s %s",
		quote("X-Twilio-Signature: "+signature), quote(form), s.URL+weburl.WebhookPath)
}

// quote returns text as one word of a POSIX shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
