package systemtest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"smsession/internal/redistest"
	"smsession/internal/webhooktest"
)

const (
	bytesPerConversation = 48      // less than a token of 43 characters needs in any data structure
	otherBytes           = 1 << 18 // for buffers and the like
	residentGrowth       = 0.3     // the resident memory is not exact
)

// TestMemoryIsFlat sends the first messages of many conversations to one replica. The replica may keep only a bounded
// cache, which is full long before half of the messages are sent.
func TestMemoryIsFlat(t *testing.T) {
	t.Run("with the counter", func(t *testing.T) { checkFlat(t) })
	t.Run("with an app that keeps 2 KiB in each record", func(t *testing.T) {
		checkFlat(t, "APP_URL="+startCookieApp(t, strings.Repeat("x", 2<<10)).URL+"/sms")
	})
}

func checkFlat(t *testing.T, settings ...string) {
	t.Helper()
	server := redistest.Start(t, redistest.Options{})
	r := startReplica(t, server.URL(), settings...)
	sendFirsts(t, r, liveConversations/2)
	half, halfResident := liveHeap(t, r), resident(r)
	sendFirsts(t, r, liveConversations/2)
	full, fullResident := liveHeap(t, r), resident(r)

	if grown := full - half; grown > otherBytes+bytesPerConversation*liveConversations/2 {
		t.Errorf("live memory grew by %d bytes over %d conversations", grown, liveConversations/2)
	}
	if float64(fullResident) > float64(halfResident)*(1+residentGrowth) {
		t.Errorf("the process grew from %d to %d KB", halfResident, fullResident)
	}
	if live := server.CLI("DBSIZE"); live != strconv.Itoa(2*liveConversations+1) { // and the probe
		t.Errorf("%d conversations have %s keys", liveConversations, live)
	}
	t.Logf("%d live conversations: %d KB live, then %d KB; %d KB resident, then %d KB",
		liveConversations, half>>10, full>>10, halfResident, fullResident)
}

// sendFirsts sends the first messages of n conversations.
func sendFirsts(t *testing.T, r *replica, n int) {
	t.Helper()
	const connections = 16
	var sent atomic.Int64
	var group sync.WaitGroup
	base := newSender(t)
	for range connections {
		group.Go(func() {
			for sent.Add(1) <= int64(n) && !t.Failed() {
				s := base.another()
				if violations := checkCounts([]reply{s.deliver(r.url, "/sms", webhooktest.NewSID(), "")}, 1,
					1); violations != nil {
					t.Error(violations)
				}
			}
		})
	}
	group.Wait()
}

// liveHeap returns how many bytes of a replica's heap survive a collection.
func liveHeap(t *testing.T, r *replica) int {
	t.Helper()
	res, err := http.Get(r.operator() + "/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "# HeapAlloc = ")
	digits, _, _ := strings.Cut(after, "\n")
	bytes, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatalf("the profile has no HeapAlloc: %v", err)
	}
	return bytes
}

// resident returns the memory of a process in KB, as Linux reports it. On other systems it returns 0.
func resident(r *replica) int { return statusKB(r, "VmRSS:") }

// peakResident returns the largest memory of a process so far in KB, as Linux reports it. On other systems it returns
// 0.
func peakResident(r *replica) int { return statusKB(r, "VmHWM:") }

func statusKB(r *replica, field string) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if runtime.GOOS == "linux" && err != nil {
		r.tb.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), field)
	var kilobytes int
	_, _ = fmt.Sscan(after, &kilobytes)
	return kilobytes
}
