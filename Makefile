VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
DATE := $(shell git log -1 --format=%cs 2>/dev/null)
FUZZTIME ?= 30s
PREFIX := /usr/local
BENCH_COUNT ?= 6

# The programs that the tests start. The setup script installs them.
TOOLS := redis-server redis-cli cc chromium flask caddy promtool systemd-analyze \
	node npm npm-packages php ruby sinatra puma zsh fish man mandoc

# The version and its date are stamped, so that a source archive without git builds, too. The linker leaves out the DWARF tables, and
# the compiler would need a tenth of its time to make them.
BUILD := CGO_ENABLED=0 go build -buildvcs=false -trimpath -gcflags=all=-dwarf=false \
	-ldflags '-s -w -X main.stamped=$(VERSION) -X main.stampedDate=$(DATE)' -o bin/smsession ./cmd/smsession

.PHONY: help run build install test chaos soak compose-test lint bench bench-scale bench-go fuzz clean

help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## run the service with an embedded Redis and a phone page
	@echo "building (about a minute the first time)"
	@$(BUILD)
	@./bin/smsession dev

build: ## build bin/smsession, one static file
	$(BUILD)

install: build ## install bin/smsession, its completions and its manual page to PREFIX=/usr/local
	@./deploy/install.sh bin/smsession $(DESTDIR)$(PREFIX)

# The searches of all orders run without the race detector: only one of their actors runs at a time.
# Go's default limit of 10 minutes per package is too short on a small machine under the race detector.
test: ## run all tests under the race detector, also with a real Redis (installed if missing)
	@./deploy/test/setup.sh $(TOOLS)
	go test -race -shuffle=on -timeout 15m ./...
	go test -shuffle=on -run 'Interleavings|NaiveCommits|NaiveTurns' ./internal/session

# `make test` has a short form. SEED=… repeats the faults of a run; the timing differs.
chaos: ## break replicas, links and Redis for ten minutes, and check that every message counts once; SEED=1
	@./deploy/test/setup.sh redis-server redis-cli cc
	CHAOS=10m SEED=$(SEED) go test -count=1 -v -timeout 40m -run 'Chaos|Losses|Controls' ./internal/chaostest

soak: ## send messages at half load for ten minutes, and check that memory, goroutines and connections stay flat
	@./deploy/test/setup.sh redis-server redis-cli cc
	SOAK=10m go test -count=1 -v -timeout 30m -run Soak ./internal/systemtest

# It needs Docker, and ten minutes the first time.
compose-test: ## start docker-compose.yml, kill, restart and replace its parts under load, and check the counts
	@./deploy/compose-test/run.sh

# The linter's version is pinned here, because in go.mod it would be a dependency of the program.
lint: ## check the format, go vet and staticcheck
	@files=$$(gofmt -l .); test -z "$$files" || { echo "not formatted by gofmt: $$files" >&2; exit 1; }
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# Each of BENCH_ROUNDS=9 rounds measures all servers. BENCH_BASE=… is another build of the program to compare with.
BENCH := go test -timeout 30m -benchtime 1x

bench: ## measure the service next to its limits and to plain scs, in four minutes
	@./deploy/test/setup.sh redis-server redis-cli
	$(BENCH) -run '^$$' -bench BenchmarkProcess ./internal/systemtest

bench-scale: ## the same with a million live conversations, more replicas and Clusters, in six minutes
	@./deploy/test/setup.sh redis-server redis-cli
	$(BENCH) -v -run '^TestMemoryIsFlat$$' -bench BenchmarkScale ./internal/systemtest

bench-go: ## run the Go benchmarks of the packages; BENCH_COUNT=6 for benchstat
	go test -run '^$$' -bench . -benchmem -count $(BENCH_COUNT) $$(go list ./internal/... | grep -v systemtest)

fuzz: ## run every fuzz target for FUZZTIME=30s
	@./deploy/test/fuzz.sh $(FUZZTIME)

clean: ## remove the built files
	rm -rf bin
