package logging

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// wantLine fails the test unless attrsAt writes a line as slog and escaper do.
func wantLine(t rapid.TB, with func(slog.Handler) slog.Handler, at time.Time, message string, attrs ...slog.Attr) {
	t.Helper()
	record := slog.NewRecord(at, slog.LevelInfo, message, 0)
	record.AddAttrs(attrs...)
	var want, got bytes.Buffer
	_ = with(slogHandler(&want, JSON, slog.LevelInfo)).Handle(context.Background(), record)
	ours := with(newHandler(slogHandler(&got, JSON, slog.LevelInfo), &got))
	attrsAt(context.Background(), ours, at, slog.LevelInfo, message, attrs)
	if got.String() != want.String() {
		t.Errorf("the line is\n%q, want\n%q", got.String(), want.String())
	}
}

func without(h slog.Handler) slog.Handler { return h }

func TestLinesAreThoseOfSlog(t *testing.T) {
	now := time.Now()
	t.Run("with any character", func(t *testing.T) {
		for _, text := range []string{"", "+1202•••0143", `a"b`, `a\b`, "<&>", "a\nb", "\x7f", "\x9b", "\u009b",
			"\u2028", "\u202e", "\uFFFD", "a\xffb", "é", "😀", "\u00a0"} {
			wantLine(t, without, now, text)
			wantLine(t, without, now, "request", slog.String(text, "value"), slog.String("key", text))
		}
	})
	t.Run("with any value", func(t *testing.T) {
		for _, value := range []any{0, math.MinInt64, 1e-6, -9.9e-7, 1e21, -9.9e20, 0.0, math.Copysign(0, -1), 1.234,
			math.NaN(), math.Inf(1), true, uint64(math.MaxUint64), time.Second, now, []string{"<&>\u202e"}, nil,
			slog.GroupValue(), slog.GroupValue(slog.Int("inner", 1)), slog.LevelInfo} {
			wantLine(t, without, now, "request", slog.Any("key", value), slog.Any("", value))
		}
		wantLine(t, without, now, "request", slog.Attr{}, slog.Int("status", 200))
	})
	t.Run("at any time", func(t *testing.T) {
		for _, at := range []time.Time{{}, now, now.UTC(), now.In(time.FixedZone("", 5*3600+45*60)),
			time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
			time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)} {
			wantLine(t, without, at, "request")
		}
	})
	t.Run("with attributes and groups of the logger", func(t *testing.T) {
		with := []slog.Attr{slog.String("request_id", "a")}
		wantLine(t, func(h slog.Handler) slog.Handler { return h.WithAttrs(with) }, now, "request", with...)
		wantLine(t, func(h slog.Handler) slog.Handler { return h.WithGroup("group") }, now, "request", with...)
	})
	t.Run("at random", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			at := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
			wantLine(t, without, at, rapid.String().Draw(t, "message"),
				slog.Float64("float", rapid.Float64().Draw(t, "float")),
				slog.Int64("int", rapid.Int64().Draw(t, "int")),
				slog.String(rapid.String().Draw(t, "key"), rapid.String().Draw(t, "value")))
		})
	})
}

// Otherwise, TestLinesAreThoseOfSlog would compare slog with itself.
func TestUsualLine(t *testing.T) {
	attrs := []slog.Attr{
		slog.Int("status", 200), slog.Float64("duration_ms", 1.234), slog.String("from", "+1202•••0143"),
	}
	if line, isUsual := appendLine(nil, time.Now(), slog.LevelInfo, "request", attrs); !isUsual {
		t.Errorf("slog would write the line of a message: %s", line)
	}
}
