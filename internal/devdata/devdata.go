// Package devdata keeps the data of `smsession dev --data FILE` in a file: the keys of the embedded Redis, and what the
// page and the guide need to go on after a restart. The file is replaced as a whole. It is not a database.
package devdata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	version = 1 // of the file
	program = "smsession dev"

	// These are added to the name of the data file. No other program has files with such names: they are deleted.
	lockSuffix = ".smsession-lock"
	newSuffix  = ".smsession-new"
)

// ErrForeign is the error of Open for a file that Write has not written, or that a later version has written.
var ErrForeign = errors.New("the file is not a data file of this version of smsession dev: choose another file")

// File is the content of the file.
type File struct {
	Version int       `json:"version"` // Write sets it
	Program string    `json:"program"` // Write sets it
	Saved   time.Time `json:"saved"`   // Write sets it, in UTC

	AuthToken  string `json:"auth_token"`
	AccountSID string `json:"account_sid"`
	PageToken  string `json:"page_token"` // that other hosts need

	Keys []Key           `json:"keys"` // of Redis, in any order
	Page json.RawMessage `json:"page"` // of package devphone
}

// Key is a string in Redis. Its name and its value may be any bytes.
type Key struct {
	Name    []byte    `json:"key"`
	Value   []byte    `json:"value"`
	Expires time.Time `json:"expires,omitzero"` // in UTC; zero if the key does not expire
}

// Store is a file that this process has locked. It is not safe for concurrent use.
type Store struct {
	path string // without symbolic links
	lock *os.File
	last File // what was written last
}

// Open locks and reads the file at path. If there is no file, it returns a zero File. It returns an error if another
// process has the file open, if the file cannot be read, or if it is not a data file (ErrForeign). It writes nothing to
// the file. The caller must call Close.
func Open(path string) (*Store, File, error) {
	s, f, err := open(path)
	if err != nil {
		return nil, f, fmt.Errorf("open the data file %s: %w", path, err)
	}
	return s, f, nil
}

func open(path string) (s *Store, f File, err error) {
	// The file is replaced, so a symbolic link must be followed first: it would be replaced itself.
	if _, missing := os.Lstat(path); missing == nil {
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return nil, f, err
		}
	}
	s = &Store{path: path}
	if s.lock, err = lock(path + lockSuffix); err != nil {
		return nil, f, err
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = decode(text, &f)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		s.Close()
		return nil, f, err
	}
	return s, f, nil
}

func decode(text []byte, f *File) error {
	if json.Unmarshal(text, f) != nil || f.Version != version || f.Program != program {
		return ErrForeign
	}
	return nil
}

// Close unlocks the file.
func (s *Store) Close() { unlock(s.lock) }

// Write replaces the file. Only this user can read the new one. If Write fails, or if this process or the host ends
// before it returns, the file is either the old one or the new one.
func (s *Store) Write(f File) error {
	f.Version, f.Program, f.Saved = version, program, time.Now().UTC()
	text, err := json.Marshal(f)
	if err == nil {
		err = replace(s.path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the data file: %w", err)
	}
	s.last = f
	return nil
}

// replace writes a new file next to the file at path, and gives it that name. The new file is on the disk before it has
// the name. After a crash, one new file may be left behind: the next call deletes it.
func replace(path string, text []byte) error {
	temporary := path + newSuffix
	_ = os.Remove(temporary)
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync() // not every system can; the file is complete in any case
		_ = dir.Close()
	}
	return nil
}

// hasChanged reports whether f differs from what was written last. The time at which a key expires is computed from
// Redis's answer and the clock, so it varies a little.
func (s *Store) hasChanged(f File) bool {
	const tolerance = 500 * time.Millisecond
	same := func(a, b Key) bool {
		return bytes.Equal(a.Name, b.Name) && bytes.Equal(a.Value, b.Value) &&
			a.Expires.IsZero() == b.Expires.IsZero() && a.Expires.Sub(b.Expires).Abs() < tolerance
	}
	return !bytes.Equal(f.Page, s.last.Page) || !slices.EqualFunc(f.Keys, s.last.Keys, same)
}
