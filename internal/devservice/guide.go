package devservice

import (
	"fmt"
	"io"
	"net/url"
	"strings"

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
// its error. file is the path of the published file, or "" if there is none. program is the word of a shell that runs
// this program. Each line that has no command, URL or path has at most 80 columns.
func (s Service) WriteGuide(w io.Writer, file, program string) error {
	parts := []string{s.pageGuide(), s.hostGuide(), s.commandGuide(file, program), s.curlGuide(), s.redisGuide(),
		s.tokenGuide(file)}
	_, err := io.WriteString(w, strings.Join(parts, "\n"))
	return err
}

func (s Service) pageGuide() string {
	page := "The page has a phone to send messages to this service."
	if s.App != "" {
		page = "The page is a phone and an inspector for your app\n" + s.App + ". You need no account.\n" +
			"It shows each call of the app: what was sent, what came back, and what changed."
	}
	if s.Replicas > 1 {
		page += fmt.Sprintf("\n%d replicas take turns. The page kills them, and restarts and pauses Redis.", s.Replicas)
	}
	return fmt.Sprintf("Open %s in a browser.\n%s\n", s.Reach.page(s.URL), page)
}

func (s Service) hostGuide() string {
	text := fmt.Sprintf("The service is at %s, and its Redis is on port %s.\nOnly this host can reach this Redis.\n",
		s.URL, s.redisPort())
	if s.redisPort() != RedisPort {
		text += "Another program uses port " + RedisPort + ", so redis-cli needs the flag -p.\n"
	}
	return text + s.Reach.guide()
}

// commandGuide returns command lines of this program. Without the file, they need settings.
func (s Service) commandGuide(file, program string) string {
	text, flags := "Paste these lines into another terminal, in this directory.", ""
	if file == "" {
		text = fmt.Sprintf(`Other commands do not find this service. Paste these settings into another
terminal, in this directory:

  export TWILIO_AUTH_TOKEN=%s
  export TWILIO_ACCOUNT_SID=%s
  export REDIS_URL=%s REDIS_PREFIX=%s

Then paste these lines.`, s.AuthToken, s.AccountSID, s.Redis, word(s.Prefix))
		flags = " --url " + s.URL + weburl.WebhookPath
		if s.PublicURL != s.URL {
			flags += " --public-url " + quote(s.PublicURL+weburl.WebhookPath)
		}
	}
	return text + fmt.Sprintf(`
They send two messages, list the live conversations, show one of them, and
watch them change:

  %[1]s phone%[2]s hi 'hi again'
  %[1]s ls
  %[1]s show %[3]s
  %[1]s watch
`, program, flags, From)
}

func (s Service) curlGuide() string {
	return fmt.Sprintf(`With curl: three messages from one sender, signed as Twilio signs them:

  %s
  %s
  %s

If you send a line again, it is a repeat of the same message.
It gets the same reply and is not counted.
`, s.curl("Hello"), s.curl("Are you there?"), s.curl("Good night"))
}

func (s Service) redisGuide() string {
	keys := record.Keys{Prefix: s.Prefix}
	return fmt.Sprintf(`With redis-cli: the live conversations, the record of this conversation, and
the seconds until it expires:

  %[1]s --scan --pattern %[2]s
  %[3]s
  %[1]s ttl %[4]s
`, s.redisCLI(), quote(keys.Prefix+"conversation:*"), s.ReadRecord(To, From), quote(keys.Conversation(To, From)))
}

func (s Service) tokenGuide(file string) string {
	text, life := "All data in this Redis is lost on exit.", "new each time"
	if s.Data != "" {
		text, life = "Sessions, phones and texts are kept in\n"+s.Data+".", "the same each time"
	}
	text += " Ctrl-C ends the service.\n"
	if file != "" {
		text += fmt.Sprintf("To sign your own messages, use the auth token in\n%s. It is %s.\n", file, life)
	}
	if s.App != "" {
		text += "If your app checks signatures, give it this auth token.\n"
	}
	return text
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
