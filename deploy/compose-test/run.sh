#!/usr/bin/env bash
# Starts everything in docker-compose.yml and tests it: every message is counted once while a replica is killed, Redis
# is restarted and all replicas are replaced, Prometheus scrapes every replica, and the example of an app answers. At the
# end, it removes everything. It needs Docker with Compose v2 and curl, and does not use .env. The results are on
# standard output. Every 10 s, standard error says what the test is doing.
#
#   deploy/compose-test/run.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# The project has its own name and ports, so that it can run next to another one.
project=smsession-test
image=smsession:compose-test
export VERSION=compose-test HTTP_PORT=18080 HTTPS_PORT=18443 PROMETHEUS_PORT=19090 GRAFANA_PORT=13000
export PUBLIC_URL=http://localhost:$HTTP_PORT TWILIO_AUTH_TOKEN=0123456789abcdef0123456789abcdef REDIS_PASSWORD=compose-test
# Variables of this shell may belong to another deployment.
unset SITE WEBHOOK_URL FALLBACK_URL TWILIO_AUTH_TOKEN_FILE TWILIO_ACCOUNT_SID REDIS_CONNECTIONS KEEP_ALIVE MAX_CONNECTIONS
unset PUBLISH_ADDR OPT_OUT MAX_REPLIES_PER_MINUTE SESSION_IDLE_TIMEOUT LOG_LEVEL APP_URL APP_PROTOCOL APP_PUBLIC_URL APP_TIMEOUT
unset APP_CONCURRENCY APP_IMPORT_COOKIES APP_SECRET APP_SECRET_FILE APP_UPSTREAM
services=(redis sms-1 sms-2 sms-3 caddy prometheus)

# The number of deliveries in progress at a time. No phase may have more errors than this.
in_flight=32
messages=0 # sent in all phases

compose() { docker compose --env-file /dev/null -p "$project" -f docker-compose.yml "$@"; }
say() { printf '%s\n' "$*"; }
doing() { printf '%s\n' "$*" >"$work/doing"; }
fail() {
	say "FAILED: $*" >&2
	exit 1
}

work=$(mktemp -d)

# report_progress prints every 10 s what the test is doing. Nobody writes to the fifo: reading it is a sleep without
# a process that would outlive this script.
report_progress() {
	while ! read -r -t 10 _ <>"$work/never" && kill -0 $$ 2>/dev/null; do
		say "... $SECONDS s: $(cat "$work/doing")" >&2
	done
}

finish() {
	status=$?
	doing "removing the containers"
	[ "$status" = 0 ] || compose logs --no-color --tail 200 | grep -v '"msg":"request"' >&2 || true
	docker rm -f "$project-load" >/dev/null 2>&1 || true
	compose --profile '*' down --volumes --timeout 5 >"$work/down" 2>&1 || cat "$work/down" >&2
	docker image rm "$image" smsession-example:$VERSION >/dev/null 2>&1 || true
	kill "$progress" && wait "$progress" 2>/dev/null || true
	rm -rf "$work"
	[ "$status" = 0 ] && say "everything is removed"
	exit "$status"
}

# have reports whether an image exists here or can be pulled.
have() { docker image inspect "$1" >/dev/null 2>&1 || docker pull -q "$1" >/dev/null 2>&1; }

# field prints a number or a Boolean of a JSON report.
field() { sed -n "s/.*\"$1\":\([a-z0-9.]*\).*/\1/p" "$2" | head -n 1; }

# start_load sends signed messages through Caddy in the background for a number of seconds. As Twilio does, it sends a
# message that /sms does not answer to the fallback URL. It runs in the image, so it needs nothing else.
start_load() {
	docker run --rm --name "$project-load" --network host -e TWILIO_AUTH_TOKEN "$image" load --json --duration "$1s" \
		--url "$PUBLIC_URL/sms" --fallback-url "$PUBLIC_URL/sms/fallback" \
		--conversations 200 --in-flight "$in_flight" --expect count >"$work/report" 2>"$work/said" &
	load=$!
}

# stop_load ends the load. The deliveries in progress finish.
stop_load() {
	kill -0 "$load" 2>/dev/null || fail "the load ended too soon: $(cat "$work/said")"
	docker kill -s INT "$project-load" >/dev/null
}

# end_load waits for the report and checks it: the proof must hold, and at most the allowed number of deliveries may be
# errors to Twilio.
end_load() {
	what=$1 allowed=$2
	wait "$load" || true # its status is 1 also for an error after which the fallback URL answered
	[ -s "$work/report" ] || fail "$what: no report: $(cat "$work/said")"
	[ "$(field holds "$work/report")" = true ] || fail "$what: the counts are wrong: $(cat "$work/report")"
	failed=$(field failed "$work/report")
	[ "$failed" -le "$allowed" ] || fail "$what: $failed deliveries failed: $(cat "$work/report")"
	asked=$(sed -n 's/.*"asked":{"conversations":[0-9]*,"messages":\([0-9]*\).*/\1/p' "$work/report")
	messages=$((messages + asked))
	say "$what: $asked messages, each counted once; $failed errors in Twilio's log, $allowed allowed"
}

# recorded prints the sum of all counters in Redis.
recorded() {
	compose exec -T redis redis-cli --user smsession --raw eval "
		local sum, cursor = 0, '0'
		repeat
			local page = redis.call('scan', cursor, 'match', 'sms:session:*', 'count', 1000)
			cursor = page[1]
			for _, key in ipairs(page[2]) do sum = sum + cjson.decode(redis.call('get', key)).counter end
		until cursor == '0'
		return sum" 0
}

check_image() {
	doing "building the image"
	compose build -q sms-1 sms-2 sms-3 >"$work/build" 2>&1 || { cat "$work/build" >&2; fail "the image cannot be built"; }
	size=$(docker image inspect -f '{{.Size}}' "$image")
	[ "$size" -lt 25000000 ] || fail "the image has $size bytes"
	[ "$(docker run --rm "$image" version)" = "smsession $VERSION" ] || fail "the version is not stamped"
	say "image: $size bytes, below 25 MB; user $(docker image inspect -f '{{.Config.User}}' "$image"); $(docker run --rm "$image" version)"
	check_reproducible
}

# check_reproducible builds the binary here with the same flags and compares it. It needs the Go version that the image
# was built with.
check_reproducible() {
	doing "building the binary here, to compare it with the image's"
	container=$(docker create "$image")
	docker cp -q "$container:/smsession" "$work/theirs" 2>/dev/null || docker cp "$container:/smsession" "$work/theirs" >/dev/null
	docker rm "$container" >/dev/null
	theirs=$(go version "$work/theirs" 2>/dev/null | awk '{print $2}') || true
	if [ -z "$theirs" ] || [ "$theirs" != "$(go env GOVERSION)" ]; then
		say "binary: not compared, because this host's Go is not the image's"
		return
	fi
	CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "-s -w -X main.stamped=$VERSION" -o "$work/ours" ./cmd/smsession
	cmp -s "$work/theirs" "$work/ours" || fail "the image's binary is not the one that is built here"
	say "binary: identical to the one that $theirs builds here"
}

check_hardening() {
	doing "inspecting the containers"
	for service in "${services[@]}"; do
		id=$(compose ps -q "$service")
		set -- $(docker inspect -f '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.HostConfig.Memory}}' "$id")
		[ "$1" = true ] && [ "$2" = "[ALL]" ] && [ "$3" = "[no-new-privileges:true]" ] && [ "$4" -gt 0 ] || fail "$service: $*"
		case $service in
		sms-*)
			[ "$(docker inspect -f '{{.Config.User}}' "$id")" = 65532:65532 ] || fail "$service runs as root"
			[ -z "$(docker port "$id")" ] || fail "$service has a published port"
			;;
		esac
		! docker port "$id" | grep -v -- '-> 127\.0\.0\.1:' || fail "$service has a port that other hosts reach"
	done
	say "hardening: read-only roots, no capabilities, no new privileges, limits; no replica is published"
}

# check_redis checks which users can log in, and that the list of processes shows no password.
check_redis() {
	doing "logging in to Redis"
	said=$(docker run --rm --network "${project}_store" --entrypoint redis-cli "$(compose config --images | grep redis)" -h redis ping 2>&1) || true
	case $said in *NOAUTH*) ;; *) fail "Redis answers a client without a password: $said" ;; esac
	! docker top "$(compose ps -q redis)" -o pid,args | grep -q "$REDIS_PASSWORD" || fail "Redis's password is in the list of processes"
	said=$(compose exec -T redis redis-cli --user default ping 2>&1) || true
	case $said in *WRONGPASS*) ;; *) fail "the user default can log in to Redis: $said" ;; esac
	said=$(compose exec -T redis redis-cli --user smsession flushall 2>&1) || true
	case $said in *NOPERM*) ;; *) fail "the user smsession may delete everything: $said" ;; esac
	compose exec -T sms-1 /smsession ls >"$work/said" 2>&1 || fail "smsession ls is refused: $(cat "$work/said")"
	say "redis: one user with only the permissions of the service; no password in the list of processes"
}

# check_secret starts one replica with the token in a file.
check_secret() {
	doing "starting a replica with its token in a file"
	install -m 444 /dev/stdin "$work/token" <<<"$TWILIO_AUTH_TOKEN"
	TWILIO_AUTH_TOKEN='' TWILIO_AUTH_TOKEN_FILE=$work/token compose up -d --no-deps --wait sms-3 >"$work/up" 2>&1 ||
		{ cat "$work/up" >&2; fail "a replica does not start with its token in a file"; }
	! docker inspect "$(compose ps -q sms-3)" | grep -q "$TWILIO_AUTH_TOKEN" || fail "docker inspect shows the token"
	compose up -d --no-deps --wait sms-3 >/dev/null 2>&1 || fail "sms-3 does not come back"
	say "secret: a replica takes its token from a file, and docker inspect does not show it"
}

check_edge() {
	doing "sending requests that are refused"
	said=$(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' -X POST "$PUBLIC_URL/sms")
	[ "$said" = "415 " ] || fail "an empty POST was answered $said"
	said=$(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' -d From=a -d To=b -d MessageSid=c "$PUBLIC_URL/sms")
	[ "$said" = "403 " ] || fail "an unsigned message was answered $said"
	say "edge: no redirect; what is unsigned is refused"
}

# ask_prometheus repeats a query for up to a minute, until the answer contains a word the given number of times.
# Prometheus scrapes every 15 s.
ask_prometheus() {
	doing "waiting until Prometheus's answer to $1 contains $2 $3 times"
	for _ in $(seq 60); do
		curl -s "http://127.0.0.1:$PROMETHEUS_PORT/api/v1/$1" >"$work/answer" || true
		[ "$(grep -o "$2" "$work/answer" | wc -l)" -ge "$3" ] && return
		sleep 1
	done
	fail "Prometheus: the answer to $1 does not contain $2 $3 times: $(cat "$work/answer")"
}

check_prometheus() {
	ask_prometheus targets '"health":"up"' 3
	rules=$(grep -c -e "- alert:" deploy/prometheus/alerts.yml)
	ask_prometheus 'rules?type=alert' '"type":"alerting"' "$rules"
	ask_prometheus 'query?query=up%7Bjob%3D%22smsession%22%7D%3D%3D1' '"instance":"sms-' 3
	ask_prometheus 'rules?type=alert' '"health":"ok"' "$rules"
	say "prometheus: every replica is scraped, all $rules alert rules are loaded and can be evaluated"
}

check_grafana() {
	doing "starting Grafana"
	if ! have "$(compose --profile '*' config --images | grep grafana)"; then
		say "grafana: skipped, because its image is not available"
		return
	fi
	compose up -d --wait grafana >/dev/null 2>&1 || fail "Grafana does not start"
	for _ in $(seq 60); do
		curl -s "http://127.0.0.1:$GRAFANA_PORT/api/search?type=dash-db" >"$work/answer" || true
		grep -q '"uid":"smsession"' "$work/answer" && say "grafana: the dashboard is there" && return
		sleep 1
	done
	fail "Grafana has no dashboard: $(cat "$work/answer")"
}

# check_example lets the example answer behind the three replicas.
check_example() {
	doing "starting the example of an app"
	if ! have debian:12-slim; then
		say "example: skipped, because its base image is not available"
		return
	fi
	compose --profile example build -q example >"$work/build" 2>&1 || { cat "$work/build" >&2; fail "the example cannot be built"; }
	APP_URL=http://example:5000/sms compose --profile example up -d --no-deps --wait example sms-1 sms-2 sms-3 >"$work/up" 2>&1 ||
		{ cat "$work/up" >&2; fail "the example does not start"; }
	said=$(docker run --rm --network host -e TWILIO_AUTH_TOKEN "$image" phone --url "$PUBLIC_URL/sms" hello Ann 4 tea </dev/null)
	case $said in *"answers: Ann, 4, tea"*) ;; *) fail "the example answered: $said" ;; esac
	say "example: a survey in Flask remembers its answers behind three replicas"
}

mkfifo "$work/never"
doing "starting"
report_progress &
progress=$!
trap finish EXIT
check_image
doing "starting the containers"
compose up -d --wait "${services[@]}" >"$work/up" 2>&1 || { cat "$work/up" >&2; fail "the containers do not start"; }
say "up: $(compose ps --format '{{.Service}} {{.Health}}' | tr '\n' ',' | sed 's/ *,/, /g; s/, $//')"
check_hardening
check_redis
check_edge
check_secret

doing "sending messages to three replicas"
start_load 5
end_load "three replicas" 0

doing "sending messages while a replica is killed and started again"
start_load 12
sleep 3
compose kill -s KILL sms-2 >/dev/null 2>&1
sleep 4
compose up -d --no-deps --wait sms-2 >/dev/null 2>&1
end_load "one replica killed" "$in_flight"

doing "sending messages while Redis restarts"
start_load 12
sleep 3
compose restart redis >/dev/null 2>&1
end_load "Redis restarted" 0

start_load 600 # long enough for the roll, which takes half a minute, or much longer on a busy machine
for service in sms-1 sms-2 sms-3; do
	doing "sending messages while $service is replaced"
	compose up -d --no-deps --force-recreate --wait "$service" >/dev/null 2>&1 || fail "$service does not come back"
done
stop_load
end_load "all replicas rolled" 0

doing "adding up the counters in Redis"
sum=$(recorded)
[ "$sum" = "$messages" ] || fail "Redis has counted $sum of $messages messages"
say "redis: the counters of all records add up to $sum, which is every message that was sent"
check_prometheus
check_grafana
check_example
