package texting

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"

	"smsession/internal/phone"
	"smsession/internal/terminal"
)

// action is what a line asks for.
type action func(ctx context.Context, p *Person) error

// command is a line that begins with a slash.
type command struct {
	name, arguments, help string
	parse                 func(arguments string) (action, error)
}

const (
	usualBurst, maxBurst = 5, 100 // more messages are a load, and smsession load sends them

	cookieLifetime = 4 * time.Hour // of Twilio

	// sampleImage is from Twilio's documentation. Nothing fetches it.
	sampleImage = "https://demo.twilio.com/owl.png"
)

// commands returns all commands in the order of /help.
func commands() []command {
	return []command{
		{"/again", "", "send the last message once more, with the same MessageSid", bare(again)},
		{"/burst", "[n] [text]", "send n messages at once (default 5, at most 100)", parseBurst},
		{"/lose", "", "lose the cookies", bare(loseCookies)},
		{"/skip", "[time]", "let time pass, such as 90m (default 4h)", parseSkip},
		{"/forge", "text", "sign with a wrong token: the webhook must refuse it", parseForge},
		{"/mms", "[url] [text]", "send a picture", parseMMS},
		{"/stop", "", "send STOP", bare(send(phone.Message{Body: "STOP"}))},
		{"/cookies", "", "show the cookies of the next message", bare(showCookies)},
		{"/verbose", "", "start or stop showing every request and response", bare(toggleVerbose)},
		{"/help", "", "show this list", bare(help)},
		{"/quit", "", "end", bare(func(context.Context, *Person) error { return errQuit })},
	}
}

// Usage returns a line about each command.
func Usage() []string {
	var lines []string
	for _, c := range commands() {
		lines = append(lines, fmt.Sprintf("%-22s %s", c.name+" "+c.arguments, c.help))
	}
	return append(lines, fmt.Sprintf("%-22s %s", "//text", "send a text that begins with a slash"))
}

// Check returns an error about the first of several texts that is blank or that is a wrong command. It does not quote
// the text.
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

// parse returns the action of a line, or nil if the line is blank.
func parse(line string) (action, error) {
	line = strings.ToValidUTF8(line, "\uFFFD") // as Twilio would send it
	switch {
	case strings.TrimSpace(line) == "":
		return nil, nil
	case strings.HasPrefix(line, "//"):
		return send(phone.Message{Body: line[1:]}), nil
	case !strings.HasPrefix(line, "/"):
		return send(phone.Message{Body: line}), nil
	}
	name, arguments := cutWord(line)
	for _, c := range commands() {
		if c.name == name {
			return c.parse(arguments)
		}
	}
	return nil, errors.New("there is no such command: /help lists them, and a text that begins with a slash needs two slashes")
}

// cutWord cuts off the first word.
func cutWord(s string) (word, rest string) {
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// send returns the action that sends messages at once.
func send(messages ...phone.Message) action {
	return func(ctx context.Context, p *Person) error { return p.send(ctx, messages...) }
}

// bare returns the parser of a command without arguments.
func bare(a action) func(string) (action, error) {
	return func(arguments string) (action, error) {
		if arguments != "" {
			return nil, errors.New("this command takes nothing after it")
		}
		return a, nil
	}
}

// again sends the last message that was not forged: Twilio sends no message again that it never sent.
func again(ctx context.Context, p *Person) error {
	if p.last == nil {
		p.Tally.InvalidLines++
		return p.View.Note("there is no message yet to send again")
	}
	return p.send(ctx, *p.last)
}

// parseBurst returns several messages with the same text, or with numbers if there is no text.
func parseBurst(arguments string) (action, error) {
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
		messages[i].Body = text
		if text == "" {
			messages[i].Body = fmt.Sprintf("%d of %d", i+1, n)
		}
	}
	return send(messages...), nil
}

func parseForge(text string) (action, error) {
	if text == "" {
		return nil, errors.New("/forge takes the text to send")
	}
	return send(phone.Message{Body: text, Forged: true}), nil
}

func parseMMS(arguments string) (action, error) {
	url, text := sampleImage, arguments
	if word, rest := cutWord(arguments); strings.HasPrefix(word, "https://") || strings.HasPrefix(word, "http://") {
		url, text = word, rest
	}
	file, _, _ := strings.Cut(url, "?")
	contentType, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(file)), ";")
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	return send(phone.Message{Body: text, Media: []phone.Media{{URL: url, ContentType: contentType}}}), nil
}

// parseSkip returns the action that lets time pass for the phone and, if its clock can be reached, for the other side.
func parseSkip(arguments string) (action, error) {
	d := cookieLifetime
	if arguments != "" {
		var err error
		if d, err = time.ParseDuration(arguments); err != nil || d <= 0 {
			return nil, errors.New("/skip takes a time such as 4h, 90m or 30s")
		}
	}
	return func(ctx context.Context, p *Person) error {
		where := "for the phone and for its conversation on the other side"
		if p.Elapse == nil {
			where = "for the phone and its cookies, but not on the other side"
		} else if err := p.Elapse(ctx, d); err != nil {
			p.Tally.FailedCommands++
			return p.View.Note(fmt.Sprintf("no time has passed: %v", err))
		}
		p.Phone.Skip(d)
		return p.View.Note(terminal.Duration(d) + " have passed, " + where)
	}, nil
}

func loseCookies(_ context.Context, p *Person) error {
	p.Phone.LoseCookies()
	return p.View.Note("the cookies are lost: the next message carries none")
}

func showCookies(_ context.Context, p *Person) error {
	cookies := p.Phone.Cookies()
	if len(cookies) == 0 {
		return p.View.Note("the next message carries no cookie")
	}
	lines := []string{"the next message carries"}
	for _, c := range cookies {
		left := c.Expires.Sub(p.Phone.Now()).Round(time.Second)
		lines = append(lines, fmt.Sprintf("%s=%s for %s", c.Name, c.Value, terminal.Brief(left)))
	}
	return p.View.Note(lines...)
}

func toggleVerbose(_ context.Context, p *Person) error {
	if p.View.JSON != nil {
		return p.View.Note("with --json, use --verbose on the command line to get headers and bodies")
	}
	p.View.Verbose = !p.View.Verbose
	if p.View.Verbose {
		return p.View.Note("requests and responses are shown from now on")
	}
	return p.View.Note("requests and responses are no longer shown")
}

func help(_ context.Context, p *Person) error {
	return p.View.Note(append([]string{"A line is a text to send, unless it begins with a slash:"}, Usage()...)...)
}
