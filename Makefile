VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME := 30s
BENCH_COUNT := 3

# What the tests start for real; the setup script knows how to install each.
TOOLS := redis-server redis-cli cc chromium flask caddy promtool systemd-analyze

.PHONY: help run build test compose-test lint bench fuzz clean

help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## run the service with an embedded Redis, ready to be tried
	@echo "building, which takes a minute the first time"
	@go build -o bin/smsession ./cmd/smsession
	@./bin/smsession dev

# The version is stamped here, so Go need not ask git for it: a source archive builds as well.
build: ## build bin/smsession, one static file
	CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-s -w -X main.stamped=$(VERSION)' -o bin/smsession ./cmd/smsession

# Go's own limit is 10 minutes a package: too near on a small machine under the race detector.
test: ## run all tests under the race detector, on a real Redis too (installed if missing)
	@./deploy/test/setup.sh $(TOOLS)
	go test -race -shuffle=on -timeout 15m ./...

# It needs Docker, and ten minutes the first time.
compose-test: ## bring docker-compose.yml up for real, kill, restart and roll it under load, and prove the counts
	@./deploy/compose-test/run.sh

# The linter's version is pinned here and not in go.mod, where it would be a dependency of the program.
lint: ## check the format, go vet, staticcheck
	@files=$$(gofmt -l .); test -z "$$files" || { echo "not in gofmt's format: $$files" >&2; exit 1; }
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

bench: ## run the benchmarks, then whole processes under load beside their limits; BENCH_COUNT=6 for benchstat
	@./deploy/test/setup.sh $(TOOLS)
	go test -run '^$$' -bench . -benchmem ./internal/...
	go test -v -run '^(TestMemoryIs(Flat|Bounded)|TestBrokenRequests.*)$$' -bench Process -benchtime 40000x -count $(BENCH_COUNT) ./cmd/smsession

fuzz: ## fuzz every target, FUZZTIME=30s each
	@./deploy/test/fuzz.sh $(FUZZTIME)

clean: ## remove what build made
	rm -rf bin
