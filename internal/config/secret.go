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

// fileLimit is the largest size in bytes of a *_FILE. A secret is far smaller. The limit prevents that a wrong path,
// such as that of a log or a device, fills the memory.
const fileLimit = 64 << 10

// pipePatience is how long the service waits for the writer of a pipe.
const pipePatience = 5 * time.Second

// secret returns a required secret setting: its own value, or the content of the file in its *_FILE setting. It is a
// fault if both are set. from is the name of the setting that was set, for faults about the value.
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
		return "", fmt.Errorf("%s %w", fileNoun(path), err)
	}
	secret := strings.TrimSpace(strings.TrimPrefix(string(content), byteOrderMark))
	if secret == "" {
		return "", fmt.Errorf("%s is empty", fileNoun(path))
	}
	return secret, nil
}

// readFile returns the content of a file, unless it is larger than fileLimit. It waits for a pipe no longer than
// pipePatience, because the files are read again while messages wait for the new secrets. The error continues a sentence
// that begins with the file.
func readFile(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // otherwise opening a pipe would wait for its writer
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", cause(err))
	}
	defer file.Close()
	_ = file.SetReadDeadline(time.Now().Add(pipePatience)) // an error means that the file is not a pipe
	content, err := io.ReadAll(io.LimitReader(file, fileLimit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", cause(err))
	case len(content) > fileLimit:
		return nil, errors.New("is larger than 64 KiB")
	}
	return content, nil
}

// fileNoun returns a name for a file in a fault. It quotes only an absolute path, because any other value may be the
// secret itself, set under the wrong name.
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
