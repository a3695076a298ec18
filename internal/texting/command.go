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
	parse                 func(arguments string) (lineAction, error)
}

const (
	usualBurst, maxBurst = 5, 100 // smsession load sends more messages

	cookieLifetime = "4h" // Twilio keeps a cookie for at most 4 hours

	sampleImage = "https://demo.twilio.com/owl.png" // an example of Twilio's documentation
)

// commands returns all commands in the order of /help.
func commands() []command {
	return []command{
		{"/again", "", "send the last message once more, with the same MessageSid", withoutArguments((*Person).again)},
		{"/burst", "[n] [text]", "send n messages at the same time (default 5, at most 100)", parseBurst},
		{"/lose", "", "delete the cookies", withoutArguments((*Person).loseCookies)},
		{"/skip", "[time]", "let time pass, for example 90m (default 4h)", parseSkip},
		{"/forge", "text", "sign a text with a wrong token, to see it refused", parseForge},
		{"/mms", "[url] [text]", "send a picture", parseMMS},
		{"/stop", "", "send STOP", withoutArguments(send(phone.Message{Body: "STOP"}))},
		{"/cookies", "", "show the cookies of the next message", withoutArguments((*Person).showCookies)},
		{"/verbose", "", "show requests and responses, or stop showing them", withoutArguments((*Person).toggleVerbose)},
		{"/help", "", "show this list", withoutArguments((*Person).help)},
		{"/quit", "", "end the phone", withoutArguments(func(*Person, context.Context) error { return errQuit })},
	}
}

// Usage returns one line for each command, in the order of /help: its name, its arguments and what it does.
func Usage() []string {
	var lines []string
	for _, c := range append(commands(), command{name: "//text", help: "send a text that begins with a slash"}) {
		lines = append(lines, fmt.Sprintf("%-22s %s", c.name+" "+c.arguments, c.help))
	}
	return lines
}

// Check returns an error for the first text that is blank or is not a valid command. The error contains the text's
// number, counted from 1. It does not quote the text, which may be private.
func Check(texts []string) error {
	for i, text := range texts {
		if strings.TrimSpace(text) == "" {
			return fmt.Errorf("text %d is blank: it must have a character that is not a space", i+1)
		}
		if _, err := parse(text); err != nil {
			return fmt.Errorf("text %d cannot be sent: %w", i+1, err)
		}
	}
	return nil
}

// parse returns the action that carries out a line. The line must not be blank. The error does not quote the line.
func parse(line string) (lineAction, error) {
	line = strings.ToValidUTF8(line, "\uFFFD") // Twilio sends only valid UTF-8
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
			return nil, fmt.Errorf("%s takes no arguments", name)
		case c.name == name:
			return c.parse(arguments)
		}
	}
	return nil, errors.New("there is no such command: /help lists the commands, " +
		"and two slashes send a text that begins with one slash")
}

// cutWord splits s after its first word.
func cutWord(s string) (word, rest string) {
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// send returns an action that sends messages at the same time.
func send(messages ...phone.Message) lineAction {
	return func(p *Person, ctx context.Context) error { return p.do(ctx, person.Action{Messages: messages}) }
}

// withoutArguments returns the parser of a command that takes no arguments.
func withoutArguments(a lineAction) func(string) (lineAction, error) {
	return func(string) (lineAction, error) { return a, nil }
}

// parseBurst reads the arguments of /burst. Without a text, the messages are numbered.
func parseBurst(arguments string) (lineAction, error) {
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

func parseForge(text string) (lineAction, error) {
	if text == "" {
		return nil, errors.New("/forge needs the text to send")
	}
	return send(phone.Message{Body: text, Forged: true}), nil
}

func parseMMS(arguments string) (lineAction, error) {
	url, text := sampleImage, arguments
	if word, rest := cutWord(arguments); strings.HasPrefix(word, "https://") || strings.HasPrefix(word, "http://") {
		url, text = word, rest
	}
	file, _, _ := strings.Cut(url, "?")
	contentType, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(file)), ";")
	media := phone.Media{URL: url, ContentType: cmp.Or(contentType, "application/octet-stream")}
	return send(phone.Message{Body: text, Media: []phone.Media{media}}), nil
}

func parseSkip(arguments string) (lineAction, error) {
	d, err := time.ParseDuration(cmp.Or(arguments, cookieLifetime))
	if err != nil || d <= 0 {
		return nil, errors.New("/skip needs a time such as 4h, 90m or 30s")
	}
	return func(p *Person, ctx context.Context) error { return p.skip(ctx, d) }, nil
}
