package devdata_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smsession/internal/devdata"
)

// open opens a data file. It is closed when the test ends.
func open(t *testing.T, path string) (*devdata.Store, devdata.File) {
	t.Helper()
	s, f, err := devdata.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, f
}

// content reads a data file without locking it.
func content(t *testing.T, path string) (f devdata.File) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "data.json")
	s, f := open(t, path)
	if f.Version != 0 || f.Page != nil {
		t.Errorf("a file that does not exist is read as %+v", f)
	}
	want := devdata.File{
		AuthToken: "token", AccountSID: "AC1", PageToken: "page", Page: json.RawMessage(`{"phones":[]}`),
		Keys: []devdata.Key{{Name: []byte("sms:\xff"), Value: []byte("\x00\xfe\n"),
			Expires: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)}, {Name: []byte("forever"), Value: []byte{}}},
	}
	if err := s.Write(want); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("while the file is open, there are %v", left)
	}
	if _, _, err := devdata.Open(path); err == nil || !strings.Contains(err.Error(), "another smsession dev uses it") ||
		!strings.Contains(err.Error(), path) {
		t.Errorf("a second process gets %v", err)
	}
	s.Close()
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("after Close, there are %v", left)
	}
	_, got := open(t, path)
	if got.Saved.IsZero() || got.Version != 1 {
		t.Errorf("the version is %d, and the time is %v", got.Version, got.Saved)
	}
	got.Version, got.Program, got.Saved = 0, "", time.Time{}
	gotText, _ := json.Marshal(got)
	wantText, _ := json.Marshal(want)
	if string(gotText) != string(wantText) {
		t.Errorf("got  %s\nwant %s", gotText, wantText)
	}
}

// TestNeighbours keeps files that other programs have next to the data file: `--data Gemfile` must not delete
// Gemfile.lock.
func TestNeighbours(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	all := []string{path + ".lock", path + ".new", path + ".tmp", path + "~"}
	for _, name := range all {
		if err := os.WriteFile(name, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := open(t, path)
	if err := s.Write(devdata.File{}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, name := range all {
		if text, err := os.ReadFile(name); err != nil || string(text) != "mine" {
			t.Errorf("%s is %q, %v", filepath.Base(name), text, err)
		}
	}
}

func TestLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target.json"), filepath.Join(dir, "link.json")
	s, _ := open(t, target)
	if err := errors.Join(s.Write(devdata.File{}), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s, _ = open(t, link)
	if _, _, err := devdata.Open(target); err == nil {
		t.Error("the file that the link leads to is not locked")
	}
	if err := s.Write(devdata.File{AuthToken: "new"}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 || content(t, target).AuthToken != "new" {
		t.Errorf("the link is %v, %v", info, err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := devdata.Open(filepath.Join(dir, "dangling")); err == nil {
		t.Error("a link that leads nowhere is opened, so it would be replaced")
	}
}

func TestForeignFile(t *testing.T) {
	for name, text := range map[string]string{
		"a shell script":                   "export PATH=/bin\n",
		"an empty file":                    "",
		"other JSON":                       `{"version":1}`,
		"a list":                           `[]`,
		"a later version":                  `{"version":2,"program":"smsession dev"}`,
		"half a file":                      `{"version":1,"program":"smsession dev","keys":[`,
		"a key that is not base64":         `{"version":1,"program":"smsession dev","keys":[{"key":"%"}]}`,
		"a data file with something after": `{"version":1,"program":"smsession dev"} x`,
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, _, err := devdata.Open(path)
			if !errors.Is(err, devdata.ErrForeign) || !strings.Contains(err.Error(), path) {
				t.Errorf("the error is %v", err)
			}
			after, errRead := os.ReadFile(path)
			if left, _ := os.ReadDir(filepath.Dir(path)); errRead != nil || string(after) != text || len(left) != 1 {
				t.Errorf("the file is %q, and there are %v", after, left)
			}
		})
	}
	if _, _, err := devdata.Open(filepath.Join(t.TempDir(), "missing", "file")); err == nil {
		t.Error("a directory that does not exist is no error")
	}
	if _, _, err := devdata.Open(t.TempDir()); err == nil {
		t.Error("a directory is opened")
	}
}

func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.json")
	s, _ := open(t, path)
	var log strings.Builder
	ctx, cancel := context.WithCancel(t.Context())
	ticks, ended := make(chan time.Time), make(chan struct{})
	next, taken := make(chan devdata.File), make(chan struct{})
	snapshot := func(context.Context) (devdata.File, error) {
		f := <-next
		if f.AuthToken == "failing" {
			return f, errors.New("Redis is away")
		}
		return f, nil
	}
	go func() {
		defer close(ended)
		s.Follow(ctx, ticks, snapshot, slog.New(slog.NewTextHandler(&log, nil)))
	}()
	// tick waits until the tick has been handled: Follow takes the next tick only then.
	tick := func(f devdata.File) {
		ticks <- time.Time{}
		next <- f
		go func() {
			ticks <- time.Time{}
			next <- devdata.File{AuthToken: "failing"}
			taken <- struct{}{}
		}()
		<-taken
	}
	key := func(value string, expires time.Duration) devdata.File {
		return devdata.File{Page: json.RawMessage(`{}`), Keys: []devdata.Key{{Name: []byte("k"), Value: []byte(value),
			Expires: time.Unix(1_800_000_000, 0).Add(expires)}}}
	}
	tick(key("1", 0))
	first := content(t, path)
	tick(key("1", 30*time.Millisecond))
	if again := content(t, path); !again.Saved.Equal(first.Saved) {
		t.Error("the file is written although nothing has changed")
	}
	for name, f := range map[string]devdata.File{"value": key("2", 0), "expiry": key("2", time.Hour),
		"number of keys": {Page: json.RawMessage(`{}`)}, "page": {Page: json.RawMessage(`[]`)}} {
		before := content(t, path)
		if tick(f); content(t, path).Saved.Equal(before.Saved) {
			t.Errorf("another %s is not written", name)
		}
	}
	ticks <- time.Time{} // the last failure has been logged
	next <- devdata.File{AuthToken: "failing"}
	cancel()
	<-ended
	if n := strings.Count(log.String(), "the data is not kept now"); n != 6 {
		t.Errorf("six series of failures are logged %d times:\n%s", n, log.String())
	}
	if n := strings.Count(log.String(), "the data is kept again"); n != 5 {
		t.Errorf("five recoveries are logged %d times:\n%s", n, log.String())
	}
}
