package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"smsession/internal/terminal"
)

// The functions of this file parse a setting that is not a secret. The text is not empty, and has no white space around
// it. An error continues a sentence that begins with the name of the setting.

// wholeNumber returns a parser of the numbers from least to most.
func wholeNumber(least, most int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("%s is not a whole number from %d to %d", quote(text), least, most)
		}
		return n, nil
	}
}

// duration returns a parser of the durations from least to most. The hint is the end of its error.
func duration(least, most time.Duration, hint string) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			return 0, fmt.Errorf("%s is not a duration from %s to %s, %s", quote(text), terminal.Duration(least), terminal.Duration(most), hint)
		}
		return d, nil
	}
}

// oneOf returns a parser of words in any case. The value is in lower case.
func oneOf[T ~string](words ...T) func(string) (T, error) {
	return func(text string) (T, error) {
		word := T(strings.ToLower(text))
		if !slices.Contains(words, word) {
			var all []string
			for _, w := range words {
				all = append(all, string(w))
			}
			return "", fmt.Errorf("%s is not one of: %s", quote(text), strings.Join(all, ", "))
		}
		return word, nil
	}
}

func parseBool(text string) (bool, error) {
	word, err := oneOf("true", "false")(text)
	return word == "true", err
}

func parseLevel(text string) (level slog.Level, err error) {
	name, err := oneOf("debug", "info", "warn", "error")(text)
	if err == nil {
		err = level.UnmarshalText([]byte(name))
	}
	return level, err
}

func formatLevel(level slog.Level) string { return strings.ToLower(level.String()) }

// parsePrefix parses REDIS_PREFIX. Braces are refused because they would move all keys to one slot of a Cluster. The other
// refused characters are patterns of SCAN's MATCH. See https://redis.io/docs/latest/commands/keys/ for the patterns.
func parsePrefix(text string) (string, error) {
	refused := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`{}*?[]\`, r) }
	if len(text) > 64 || strings.ContainsFunc(text, refused) {
		return "", errors.New(`must be at most 64 bytes of printable ASCII, without spaces and without any of { } * ? [ ] \`)
	}
	return text, nil
}

func joined(words []string) string { return strings.Join(words, ",") }

func verbatim[T ~string](text T) string { return string(text) }
