// Package dev describes a running `smsession dev`. A file describes it to the other commands of the same user, and a guide
// describes it to a newcomer.
package dev

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

// Service is a running `smsession dev`.
type Service struct {
	PID        int    `json:"pid"`
	URL        string `json:"url"` // of the public listener, on this host
	Addr       string `json:"-"`   // the host and port that the public listener is configured with; the guide needs it
	PublicURL  string `json:"public_url"`
	AuthToken  string `json:"auth_token"`
	AccountSID string `json:"account_sid"`
	Redis      string `json:"redis_url"`
	Prefix     string `json:"redis_prefix"`
}

// ErrNotRunning is the error of Find if no `smsession dev` of this user is running.
var ErrNotRunning = errors.New("no `smsession dev` is running: start one, or name the webhook with --url")

// Find returns the running `smsession dev` of this user. A service that was killed leaves its file behind, so Find asks the
// service whether it is alive. It does not trust a file that other users can write, because messages are sent to its URL.
func Find(ctx context.Context) (*Service, error) {
	path := filePath()
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotRunning
	}
	if err := checkOwner(filepath.Dir(path)); err != nil {
		return nil, err
	}
	s, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read the runtime file: %w", err)
	}
	if !s.alive(ctx) {
		return nil, ErrNotRunning
	}
	return s, nil
}

// alive reports whether the service answers. Another program may use its port now.
func (s *Service) alive(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	answer, err := healthcheck.Ask(ctx, nil, s.URL+"/healthz")
	_, ours := answer.Version()
	return err == nil && ours
}

// Publish writes the file that Find reads, and returns its path. It is an error if Find returns another running service,
// or if another user can write to the directory of the file.
func (s Service) Publish(ctx context.Context) (path string, err error) {
	if other, err := Find(ctx); err == nil {
		return "", fmt.Errorf("another smsession dev is already running at %s", other.URL)
	}
	path = filePath()
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the runtime directory: %w", err)
	}
	if err := checkOwner(dir); err != nil {
		return "", err
	}
	s.PID = os.Getpid()
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return "", err
	}
	// The file gets its name when it is complete, so Find never reads a part of it. An older file may have another mode.
	temporary := path + "." + strconv.Itoa(s.PID)
	if err = os.WriteFile(temporary, append(text, '\n'), 0o600); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
		return "", fmt.Errorf("write the runtime file: %w", err)
	}
	return path, nil
}

// Withdraw deletes the file that this process has published, unless another process has replaced it.
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

// filePath returns the path of the file. It is in the user's runtime directory, which other users cannot read. If there is
// no runtime directory, it is in a directory for this user below the directory for temporary files.
func filePath() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "smsession", "dev.json")
	}
	return filepath.Join(os.TempDir(), "smsession-"+strconv.Itoa(os.Getuid()), "dev.json")
}

// checkOwner returns an error unless the directory belongs to this user and no other user can write to it.
func checkOwner(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 || !ownedByUser(info) {
		return fmt.Errorf("the runtime directory %s is not private: it must belong to this user and have mode 0700", dir)
	}
	return nil
}
