package main

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Nothing stops the goroutine that scs.New starts.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(
		"github.com/alexedwards/scs/v2/memstore.(*MemStore).startCleanup"))
}
