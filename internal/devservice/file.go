package devservice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"smsession/internal/healthcheck"
)

// ErrNotRunning is the error of Find if no `smsession dev` of this user is running.
var ErrNotRunning = errors.New("no `smsession dev` is running: start one, or name the webhook with --url")

// aliveTimeout is how long a service may take to answer Find. The service is on this host.
const aliveTimeout = 2 * time.Second

// Find returns the running `smsession dev` of this user, or ErrNotRunning. A service that was killed leaves its file
// behind, so Find asks the service whether it is alive. Find returns another error if the file is malformed, or if
// other users can write to its directory: they could change the URL that messages are sent to.
func Find(ctx context.Context) (*Service, error) {
	path := filePath()
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotRunning
	}
	if err := checkPrivate(filepath.Dir(path)); err != nil {
		return nil, err
	}
	s, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read the file of smsession dev: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	answer, err := healthcheck.Ask(ctx, nil, s.URL+"/healthz")
	if _, ours := answer.Version(); err != nil || !ours { // another program may use the port now
		return nil, ErrNotRunning
	}
	return s, nil
}

// Publish writes the file that Find reads, and returns its path. The caller must have bound the port in s.URL. It is an
// error if Find returns another running service, if other users can write to the directory of the file, or if the file
// cannot be written. If two services publish at the same time, Find returns one of them.
func (s Service) Publish(ctx context.Context) (path string, err error) {
	path = filePath()
	if old, err := read(path); err != nil || old.URL != s.URL { // the caller has its port, so the old service has ended
		if other, err := Find(ctx); err == nil {
			return "", fmt.Errorf("another smsession dev is already running at %s", other.URL)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("make the directory for the file of smsession dev: %w", err)
	}
	if err := checkPrivate(filepath.Dir(path)); err != nil {
		return "", err
	}
	s.PID = os.Getpid()
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return "", err
	}
	// The file gets its name when it is complete, so Find never reads a part of it. It replaces an older file, whose
	// mode may be different.
	temporary := path + "." + strconv.Itoa(s.PID)
	if err = os.WriteFile(temporary, append(text, '\n'), 0o600); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
		return "", fmt.Errorf("write the file of smsession dev: %w", err)
	}
	return path, nil
}

// Withdraw deletes the file at path if this process has published it. It does nothing if another process has published
// a file there since, or if the file is missing or malformed.
func Withdraw(path string) {
	if s, err := read(path); err == nil && s.PID == os.Getpid() {
		_ = os.Remove(path)
	}
}

func read(path string) (*Service, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := new(Service)
	return s, json.Unmarshal(text, s)
}

// filePath returns the path of the file. It is in the user's runtime directory, which other users cannot read. If there
// is no runtime directory, it is in a directory for this user below the directory for temporary files.
func filePath() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "smsession", "dev.json")
	}
	return filepath.Join(os.TempDir(), "smsession-"+strconv.Itoa(os.Getuid()), "dev.json")
}

// checkPrivate returns an error unless the directory belongs to this user and no other user can write to it.
func checkPrivate(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 || !ownedByUser(info) {
		return fmt.Errorf("the directory %s is not private: make it belong to this user and have mode 0700", dir)
	}
	return nil
}
