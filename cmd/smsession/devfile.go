package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// devFile tells the other commands of the same user where `smsession dev` is.
type devFile struct {
	PID        int    `json:"pid"`
	URL        string `json:"url"`
	PublicURL  string `json:"public_url"`
	AuthToken  string `json:"auth_token"`
	AccountSID string `json:"account_sid"`
	Redis      string `json:"redis_url"`
	Prefix     string `json:"redis_prefix"`

	path string
}

// devFilePath is in the user's runtime directory, which nobody else may read; where the system gives none, in a
// directory of the user's own among the temporary files.
func devFilePath() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "smsession", "dev.json")
	}
	return filepath.Join(os.TempDir(), "smsession-"+strconv.Itoa(os.Getuid()), "dev.json")
}

// writeDevFile writes the file, unless another `dev` that is running has written it: the other commands go on finding that
// one. The directory must be one that nobody else can write to.
func writeDevFile(ctx context.Context, f devFile) (*devFile, error) {
	if other, err := readDevFile(ctx); err == nil {
		return nil, fmt.Errorf("they find the smsession dev that is running at %s already", other.URL)
	}
	f.PID, f.path = os.Getpid(), devFilePath()
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the runtime directory: %w", err)
	}
	if err := onlyOurs(dir); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, err
	}
	// A new file under another name first: nobody reads half of it, and an old one's mode does not stay.
	temporary := f.path + "." + strconv.Itoa(f.PID)
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil {
		return nil, fmt.Errorf("write the runtime file: %w", err)
	}
	if err := os.Rename(temporary, f.path); err != nil {
		_ = os.Remove(temporary)
		return nil, fmt.Errorf("write the runtime file: %w", err)
	}
	return &f, nil
}

// onlyOurs is an error unless a directory is this user's and nobody else can write to it.
func onlyOurs(dir string) error {
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 || !ownedByUs(info) {
		return fmt.Errorf("the runtime directory %s is not only ours: it must be the own directory of this user, with mode 0700", dir)
	}
	return nil
}

var errNoDev = errors.New("no `smsession dev` is running: start one, or say with --url where the webhook is")

// readDevFile returns what a running `smsession dev` of this user has written. It is an error for none to answer: the
// file of one that was killed stays behind. What others could have written is not believed, for the messages go there.
func readDevFile(ctx context.Context) (*devFile, error) {
	f := &devFile{path: devFilePath()}
	if _, err := os.Lstat(f.path); errors.Is(err, fs.ErrNotExist) {
		return nil, errNoDev
	}
	if err := onlyOurs(filepath.Dir(f.path)); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("read the runtime file: %w", err)
	}
	if json.Unmarshal(text, f) != nil || !answers(ctx, f.URL) {
		return nil, errNoDev
	}
	return f, nil
}

// answers reports whether a service of ours is at a URL. The port of one that was killed may be somebody else's by now.
func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
	if err != nil {
		return false
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	var name string
	_, err = fmt.Fscan(res.Body, &name)
	return err == nil && res.StatusCode == http.StatusOK && name == "smsession"
}

// remove deletes the file unless another `dev` has written its own.
func (f *devFile) remove() {
	var now devFile
	text, err := os.ReadFile(f.path)
	if err == nil && json.Unmarshal(text, &now) == nil && now.PID == f.PID {
		_ = os.Remove(f.path)
	}
}
