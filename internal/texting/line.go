package texting

import (
	"context"
	"errors"
	"mime"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"

	"smsession/internal/phone"
)

// step is what a line asks for.
type step func(ctx context.Context, p *Person) error

// command is a word that begins with a slash.
type command struct {
	name, takes, does string
	parse             func(rest string) (step, error)
}

const (
	burst    = 5   // messages at once if /burst does not say how many
	maxBurst = 100 // more are a load, and there is a command for that

	idle = 4 * time.Hour // after so long Twilio forgets the cookies

	// picture is one that Twilio's documentation shows. Nothing fetches it.
	picture = "https://demo.twilio.com/owl.png"
)

// commands are all there are, in the order of /help.
func commands() []command {
	return []command{
		{"/again", "", "send the last message once more, with the same MessageSid", alone(again)},
		{"/burst", "[n] [text]", "send n messages at once (default 5, at most 100)", parseBurst},
		{"/lose", "", "lose the cookies", alone(lose)},
		{"/skip", "[time]", "let time pass, such as 90m (default 4h)", parseSkip},
		{"/forge", "text", "sign with a wrong token: the webhook must refuse it", parseForge},
		{"/mms", "[url] [text]", "send a picture", parseMMS},
		{"/stop", "", "send STOP", alone(say("STOP"))},
		{"/cookies", "", "show what the next message will carry", alone(showCookies)},
		{"/verbose", "", "show every request and response, or no longer", alone(toggleVerbose)},
		{"/help", "", "show this", alone(help)},
		{"/quit", "", "end", alone(quit)},
	}
}

// Commands returns the words that begin with a slash, for a terminal to complete.
func Commands() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

// Check returns what is wrong with a line, one sentence without its full stop that repeats none of it, or nil.
func Check(line string) error {
	_, err := parse(line)
	return err
}

// parse reads a line. The step is nil for a blank one.
func parse(line string) (step, error) {
	line = strings.ToValidUTF8(line, "\uFFFD") // as Twilio would send it
	switch {
	case strings.TrimSpace(line) == "":
		return nil, nil
	case strings.HasPrefix(line, "//"):
		return say(line[1:]), nil
	case !strings.HasPrefix(line, "/"):
		return say(line), nil
	}
	word, rest := cut(line)
	for _, c := range commands() {
		if c.name == word {
			return c.parse(rest)
		}
	}
	return nil, errors.New("there is no such command: /help lists them, and a text that begins with a slash is written with two")
}

// cut takes the first word off.
func cut(s string) (word, rest string) {
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// alone is the parse of a command that takes nothing.
func alone(s step) func(string) (step, error) {
	return func(rest string) (step, error) {
		if rest != "" {
			return nil, errors.New("this command takes nothing behind it")
		}
		return s, nil
	}
}

func parseBurst(rest string) (step, error) {
	n := burst
	word, after := cut(rest)
	if number, err := strconv.Atoi(word); err == nil {
		n, rest = number, after
	}
	if n < 1 || n > maxBurst {
		return nil, errors.New("/burst takes from 1 to 100 messages")
	}
	return sendBurst(n, rest), nil
}

func parseSkip(rest string) (step, error) {
	d := idle
	if rest != "" {
		var err error
		if d, err = time.ParseDuration(rest); err != nil || d <= 0 {
			return nil, errors.New("/skip takes a time such as 4h, 90m or 30s")
		}
	}
	return skip(d), nil
}

func parseForge(rest string) (step, error) {
	if rest == "" {
		return nil, errors.New("/forge takes the text to send")
	}
	return func(ctx context.Context, p *Person) error {
		return p.send(ctx, phone.Message{Body: rest, Forged: true})
	}, nil
}

func parseMMS(rest string) (step, error) {
	url := picture
	if word, after := cut(rest); strings.HasPrefix(word, "https://") || strings.HasPrefix(word, "http://") {
		url, rest = word, after
	}
	media := []phone.Media{{URL: url, ContentType: contentType(url)}}
	return func(ctx context.Context, p *Person) error {
		return p.send(ctx, phone.Message{Body: rest, Media: media})
	}, nil
}

// contentType goes by the name's ending.
func contentType(url string) string {
	url, _, _ = strings.Cut(url, "?")
	if t, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(url)), ";"); t != "" {
		return t
	}
	return "application/octet-stream"
}
