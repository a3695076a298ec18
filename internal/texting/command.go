package texting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"mime"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"

	"smsession/internal/person"
	"smsession/internal/phone"
)

// command is a line that begins with a slash.
type command struct {
	name, arguments, help string
	parse                 func(arguments string) (step, error)
}

const (
	usualBurst, maxBurst = 5, 100 // more messages are a load, and smsession load sends them

	cookieLifetime = "4h" // at Twilio

	sampleImage = "https://demo.twilio.com/owl.png" // of Twilio's documentation
)

// commands returns all commands in the order of /help.
func commands() []command {
	return []command{
		{"/again", "", "send the last message once more, with the same MessageSid", bare((*Person).again)},
		{"/burst", "[n] [text]", "send n messages at once (default 5, at most 100)", parseBurst},
		{"/lose", "", "lose the cookies", bare((*Person).loseCookies)},
		{"/skip", "[time]", "let time pass, such as 90m (default 4h)", parseSkip},
		{"/forge", "text", "sign with a wrong token: the webhook must refuse it", parseForge},
		{"/mms", "[url] [text]", "send a picture", parseMMS},
		{"/stop", "", "send STOP", bare(send(phone.Message{Body: "STOP"}))},
		{"/cookies", "", "show the cookies of the next message", bare((*Person).showCookies)},
		{"/verbose", "", "start or stop showing every request and response", bare((*Person).toggleVerbose)},
		{"/help", "", "show this list", bare((*Person).help)},
		{"/quit", "", "end", bare(func(*Person, context.Context) error { return errQuit })},
	}
}

// Usage returns a line about each command.
func Usage() []string {
	var lines []string
	for _, c := range append(commands(), command{name: "//text", help: "send a text that begins with a slash"}) {
		lines = append(lines, fmt.Sprintf("%-22s %s", c.name+" "+c.arguments, c.help))
	}
	return lines
}

// Check returns an error about the first text that is blank or that is a wrong command. It does not quote the text.
func Check(texts []string) error {
	for i, text := range texts {
		if strings.TrimSpace(text) == "" {
			return fmt.Errorf("text %d is empty", i+1)
		}
		if _, err := parse(text); err != nil {
			return fmt.Errorf("text %d cannot be sent: %w", i+1, err)
		}
	}
	return nil
}

// parse returns what a line asks for. The line is not blank. The error does not quote it.
func parse(line string) (step, error) {
	line = strings.ToValidUTF8(line, "\uFFFD") // as Twilio would send it
	if text, escaped := strings.CutPrefix(line, "//"); escaped {
		return send(phone.Message{Body: "/" + text}), nil
	}
	if !strings.HasPrefix(line, "/") {
		return send(phone.Message{Body: line}), nil
	}
	name, arguments := cutWord(line)
	for _, c := range commands() {
		switch {
		case c.name == name && c.arguments == "" && arguments != "":
			return nil, fmt.Errorf("%s takes nothing after it", name)
		case c.name == name:
			return c.parse(arguments)
		}
	}
	return nil, errors.New("there is no such command: /help lists them, " +
		"and a text that begins with a slash needs two slashes")
}

// cutWord cuts off the first word.
func cutWord(s string) (word, rest string) {
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// send returns the step that sends messages at once.
func send(messages ...phone.Message) step {
	return func(p *Person, ctx context.Context) error { return p.do(ctx, person.Action{Messages: messages}) }
}

// bare returns the parser of a command without arguments.
func bare(s step) func(string) (step, error) {
	return func(string) (step, error) { return s, nil }
}

// parseBurst reads the arguments of /burst. Without a text, the messages are numbered.
func parseBurst(arguments string) (step, error) {
	n, text := usualBurst, arguments
	word, rest := cutWord(arguments)
	if number, err := strconv.Atoi(word); err == nil {
		n, text = number, rest
	}
	if n < 1 || n > maxBurst {
		return nil, errors.New("/burst takes from 1 to 100 messages")
	}
	messages := make([]phone.Message, n)
	for i := range messages {
		messages[i].Body = cmp.Or(text, fmt.Sprintf("%d of %d", i+1, n))
	}
	return send(messages...), nil
}

func parseForge(text string) (step, error) {
	if text == "" {
		return nil, errors.New("/forge takes the text to send")
	}
	return send(phone.Message{Body: text, Forged: true}), nil
}

func parseMMS(arguments string) (step, error) {
	url, text := sampleImage, arguments
	if word, rest := cutWord(arguments); strings.HasPrefix(word, "https://") || strings.HasPrefix(word, "http://") {
		url, text = word, rest
	}
	file, _, _ := strings.Cut(url, "?")
	contentType, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(file)), ";")
	picture := phone.Media{URL: url, ContentType: cmp.Or(contentType, "application/octet-stream")}
	return send(phone.Message{Body: text, Media: []phone.Media{picture}}), nil
}

func parseSkip(arguments string) (step, error) {
	d, err := time.ParseDuration(cmp.Or(arguments, cookieLifetime))
	if err != nil || d <= 0 {
		return nil, errors.New("/skip takes a time such as 4h, 90m or 30s")
	}
	return func(p *Person, ctx context.Context) error { return p.skip(ctx, d) }, nil
}
