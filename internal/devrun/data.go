package devrun

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/gomodule/redigo/redis"

	"smsession/internal/devdata"
	"smsession/internal/devphone"
	"smsession/internal/devservice"
	"smsession/internal/session/record"
)

const (
	writeEvery = time.Second     // so that a crash loses little
	lastWrite  = 2 * time.Second // the longest time for reading Redis once more at the end
)

// data is the file of --data, and what it contained. Its zero value keeps nothing.
type data struct {
	store *devdata.Store // nil without --data
	saved devdata.File
}

// openData opens the file at path, unless path is "". The caller must call close.
func openData(path string) (d data, err error) {
	if path != "" {
		d.store, d.saved, err = devdata.Open(path)
	}
	return d, err
}

func (d data) close() {
	if d.store != nil {
		d.store.Close()
	}
}

// keep writes the data at once, and then whenever it has changed. stop writes it for the last time. It must be called
// before Redis ends.
func (d data) keep(
	snapshot func(context.Context) (devdata.File, error), log *slog.Logger,
) (stop func() error, err error) {
	if d.store == nil {
		return func() error { return nil }, nil
	}
	write := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), lastWrite)
		defer cancel()
		f, err := snapshot(ctx)
		if err != nil {
			f, err = snapshot(ctx) // a restart of Redis closes connections, but the pool then dials a new one
		}
		if err != nil {
			return err
		}
		return d.store.Write(f)
	}
	if err := write(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(writeEvery)
		defer ticker.Stop()
		d.store.Follow(ctx, ticker.C, snapshot, log)
	}()
	return func() error {
		cancel()
		<-ended
		return write()
	}, nil
}

// snapshot returns a function that returns the data as it is now. The key of the health probe changes all the time, and
// is nothing to keep.
func (d data) snapshot(
	s devservice.Service, page *devphone.Page, pool *redis.Pool,
) func(context.Context) (devdata.File, error) {
	return func(ctx context.Context) (f devdata.File, err error) {
		f = devdata.File{
			AuthToken: s.AuthToken, AccountSID: s.AccountSID,
			PageToken: cmp.Or(s.Reach.Token, d.saved.PageToken), // a run without --addr does not forget it
		}
		// The page first: every message that it shows as answered is then in Redis, too.
		if f.Page, err = page.Save(); err == nil {
			f.Keys, err = devdata.Snapshot(ctx, pool, record.Keys{Prefix: s.Prefix}.Probe(""))
		}
		return f, err
	}
}
