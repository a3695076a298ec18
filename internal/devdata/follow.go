package devdata

import (
	"context"
	"log/slog"
	"time"
)

// Follow writes the file after each tick at which the data is not what was written last. It returns when ctx ends. It
// logs the first of several failures in a row, and the success that follows them.
func (s *Store) Follow(
	ctx context.Context, ticks <-chan time.Time, snapshot func(context.Context) (File, error), log *slog.Logger,
) {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		f, err := snapshot(ctx)
		if err == nil && s.hasChanged(f) {
			err = s.Write(f)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			log.Warn("the data is not kept now, trying again", "error", err.Error())
		} else if err == nil && failing {
			log.Info("the data is kept again")
		}
		failing = err != nil
	}
}
