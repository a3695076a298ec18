package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// fileLimit is the most that a *_FILE may hold. A secret has far less; the
// limit keeps a wrong path (a log, a device) from filling the memory.
const fileLimit = 64 << 10

// pipePatience is how long the writer of a pipe may take.
const pipePatience = 5 * time.Second

// secret returns a secret setting, which is required: its own value, or what
// the file of its *_FILE twin holds, not both. The name returned is the one of
// the two that was set, for faults about the value.
func (c *checker) secret(name, value, file, what string) (from, secret string, ok bool) {
	value, file = strings.TrimSpace(value), strings.TrimSpace(file)
	fileName := name + "_FILE"
	switch {
	case value != "" && file != "":
		c.fault(name, "is set, and %s is too: set one of them", fileName)
		return "", "", false
	case value != "":
		return name, value, true
	case file == "":
		c.fault(name, "is required, itself or as %s: %s", fileName, what)
		return "", "", false
	}
	value, err := readSecret(file)
	if err != nil {
		c.fault(fileName, "%v", err)
		return "", "", false
	}
	return fileName, value, true
}

// byteOrderMark is at the beginning of files that some editors on Windows save
// as UTF-8.
const byteOrderMark = "\ufeff"

// readSecret returns the content of the file, without a byte-order mark and
// without white space around it. No error contains any of it.
func readSecret(path string) (string, error) {
	content, err := readFile(path)
	if err != nil {
		return "", fmt.Errorf("%s cannot be read: %w", fileNoun(path), cause(err))
	}
	if len(content) > fileLimit {
		return "", fmt.Errorf("%s is larger than 64 KiB", fileNoun(path))
	}
	secret := strings.TrimSpace(strings.TrimPrefix(string(content), byteOrderMark))
	if secret == "" {
		return "", fmt.Errorf("%s is empty", fileNoun(path))
	}
	return secret, nil
}

// readFile returns what a file holds, up to one byte more than fileLimit. It
// waits for a pipe only as long as pipePatience: the files are read again while
// messages wait for what they hold.
func readFile(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // to open a pipe would else wait for its writer
	if err != nil {
		return nil, err
	}
	defer file.Close()
	_ = file.SetReadDeadline(time.Now().Add(pipePatience)) // an error says that it is no pipe
	return io.ReadAll(io.LimitReader(file, fileLimit+1))
}

// fileNoun names a file in a fault: by its path only if that is absolute, for
// anything else may be the secret itself, set under the wrong name.
func fileNoun(path string) string {
	if filepath.IsAbs(path) {
		return fmt.Sprintf("the file %q", path)
	}
	return "the file"
}

// cause returns the reason in err without the path that fs.PathError adds.
func cause(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
