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

// fileLimit is the largest size of a file in bytes. A secret is far smaller. Without the limit, a wrong path, such as
// the path of a log or a device, could fill the memory.
const fileLimit = 64 << 10

// pipeTimeout is how long to wait for the writer of a pipe.
const pipeTimeout = 5 * time.Second

// readSecret returns the line of a setting's file without the white space around it, and without the byte-order mark
// that some editors on Windows write. A list may have several lines, which are returned with commas between them. No
// error contains any of the content. An error contains the path only if it is absolute, because any other text may be
// a secret that is in the wrong setting.
func readSecret(path string, isList bool) (string, error) {
	file := "the file"
	if filepath.IsAbs(path) {
		file = fmt.Sprintf("the file %q", path)
	}
	content, err := readFile(path)
	text := strings.TrimSpace(strings.TrimPrefix(string(content), "\ufeff"))
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	switch {
	case err != nil:
		return "", fmt.Errorf("%s %w", file, err)
	case text == "":
		return "", fmt.Errorf("%s is empty", file)
	case len(lines) > 1 && !isList:
		return "", fmt.Errorf("%s has more than one line", file)
	}
	return strings.Join(lines, ","), nil
}

// readFile returns the content of a file. It waits for a pipe no longer than pipeTimeout, because the files are read
// again while messages wait for the new secrets. The text of an error does not contain the
// path: the caller writes the name of the file before it.
func readFile(path string) (content []byte, err error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // otherwise opening a pipe waits for its writer
	if err == nil {
		defer file.Close()
		_ = file.SetReadDeadline(time.Now().Add(pipeTimeout)) // an error means that the file is not a pipe
		content, err = io.ReadAll(io.LimitReader(file, fileLimit+1))
	}
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", err)
	case len(content) > fileLimit:
		return nil, errors.New("is larger than 64 KiB")
	}
	return content, nil
}
