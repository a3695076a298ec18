#!/bin/sh
# Installs the programs that the tests start, because a skipped suite has not passed. As root, it installs the missing
# ones. For any other user, it prints the command that installs them, and fails. If nothing is missing, it prints
# nothing.
#
#   deploy/test/setup.sh redis-server redis-cli cc caddy chromium flask promtool systemd-analyze
#
# npm-packages are the packages of the tests' apps in Node.js. They belong to this working copy and need no root.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)

# found reports whether a tool is installed.
found() {
	case $1 in
	cc)
		# The race detector needs the C compiler that Go calls, and the headers of the C library. Under sudo, PATH may
		# not contain go. The check then uses gcc, which is installed below.
		cc=$(go env CC 2>/dev/null) || cc=gcc
		# CC may carry arguments, so it is split on purpose.
		# shellcheck disable=SC2086
		echo '#include <stdlib.h>' | $cc -E - >/dev/null 2>&1
		;;
	chromium)
		command -v chromium || command -v chromium-browser || command -v google-chrome
		;;
	flask)
		# Flask and Twilio's library belong to the system's Python. Another python3 may come first in PATH.
		/usr/bin/python3 -c 'import flask, twilio' || python3 -c 'import flask, twilio'
		;;
	sinatra)
		ruby -e 'require "sinatra/base"'
		;;
	npm-packages)
		# npm writes the second file last, so that an installation that was cut off is done again.
		cmp "$root/internal/systemtest/testdata/npm/package-lock.json" "$root/bin/npm/package-lock.json" &&
			[ -e "$root/bin/npm/node_modules/.package-lock.json" ]
		;;
	*)
		command -v "$1"
		;;
	esac >/dev/null 2>&1
}

# manager prints the name of the system's package manager.
manager() {
	for name in apt-get dnf apk brew; do
		if command -v "$name" >/dev/null 2>&1; then
			echo "$name"
			return
		fi
	done
}

# package prints the name of the package that contains a tool.
package() {
	case $1:$2 in
	apt-get:redis-cli) echo redis-tools ;;
	apt-get:cc) echo gcc libc6-dev ;;
	apt-get:promtool) echo prometheus ;;
	apt-get:systemd-analyze) echo systemd ;;
	apt-get:man | dnf:man) echo man-db ;;
	dnf:promtool) echo golang-github-prometheus ;;
	dnf:systemd-analyze) echo systemd ;;
	apk:promtool | brew:promtool) echo prometheus ;;
	apt-get:flask | dnf:flask) echo python3-flask python3-twilio ;;
	apk:flask) echo py3-flask py3-twilio ;;
	apt-get:node | dnf:node | apk:node) echo nodejs ;;
	apt-get:php | dnf:php) echo php-cli ;;
	*:sinatra) echo ruby-sinatra ;;
	# By file, because the package has another name in newer Fedoras.
	dnf:redis-server | dnf:redis-cli) echo "/usr/bin/$2" ;;
	apk:redis-server | apk:redis-cli) echo redis ;;
	apk:cc) echo gcc musl-dev ;;
	brew:redis-server | brew:redis-cli) echo redis ;;
	*:cc) echo gcc ;;
	*) echo "$2" ;;
	esac
}

# command_for prints the command that installs packages.
command_for() {
	manager=$1
	shift
	case $manager in
	apt-get) echo "apt-get update && apt-get install -y --no-install-recommends $*" ;;
	dnf) echo "dnf install -y $*" ;;
	apk) echo "apk add $*" ;;
	brew) echo "brew install $*" ;;
	esac
}

# install_quietly runs the command and leaves no service running. Debian's packages start their services when they are
# installed (for example, a Redis on port 6379) and at every boot. The tests start their own services on other ports.
install_quietly() {
	policy=/usr/sbin/policy-rc.d
	if [ "$manager" = apt-get ] && [ ! -e "$policy" ]; then
		# Debian asks this program before it starts a service; 101 means no.
		trap 'rm -f "$policy"' EXIT
		trap 'exit 1' HUP INT TERM
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	DEBIAN_FRONTEND=noninteractive sh -c "$1"
	for service in redis-server caddy prometheus; do
		case " $1 " in
		*" $service "*) stop_service "$service" ;;
		esac
	done
}

# stop_service stops a service that the system's own policy has started, and keeps it from starting at the next boot.
stop_service() {
	if [ -d /run/systemd/system ]; then
		systemctl disable --now "$1"
	elif command -v service >/dev/null 2>&1; then
		service "$1" stop
	fi >/dev/null 2>&1 || true
}

# install_missing installs programs as root. For any other user, it prints the command.
install_missing() {
	manager=$(manager)
	if [ -z "$manager" ]; then
		echo "The tests need these programs, but no known package manager was found to install them: $*" >&2
		exit 1
	fi
	packages=
	for tool in "$@"; do
		for name in $(package "$manager" "$tool"); do
			case " $packages " in
			*" $name "*) ;;
			*) packages="$packages $name" ;;
			esac
		done
	done
	# shellcheck disable=SC2086
	install=$(command_for "$manager" $packages)

	# Homebrew refuses to run as root.
	if [ "$manager" = brew ]; then
		printf 'The tests need %s. This installs it:\n\n    %s\n\n' "$*" "$install" >&2
		exit 1
	fi
	# The user runs this script and not the bare command, because the script also stops the installed services.
	if [ "$(id -u)" -ne 0 ]; then
		printf 'The tests need %s. This installs it (%s:%s):\n\n    sudo %s %s\n\n' \
			"$*" "$manager" "$packages" "$0" "$*" >&2
		exit 1
	fi
	echo "Installing what the tests need: $*" >&2
	install_quietly "$install" >&2
}

# install_npm_packages installs exactly the versions of the lock file. No package may run a program of its own.
install_npm_packages() {
	echo "Installing the npm packages of the tests into bin/npm" >&2
	mkdir -p "$root/bin/npm"
	cp "$root/internal/systemtest/testdata/npm/"*.json "$root/bin/npm/"
	(cd "$root/bin/npm" && npm ci --ignore-scripts --no-audit --no-fund) >&2
}

missing= want_npm_packages=
for tool in "$@"; do
	found "$tool" && continue
	case $tool in
	npm-packages) want_npm_packages=yes ;;
	*) missing="$missing $tool" ;;
	esac
done
# shellcheck disable=SC2086
[ -z "$missing" ] || install_missing $missing
[ -z "$want_npm_packages" ] || install_npm_packages
for tool in "$@"; do
	found "$tool" || {
		echo "$tool is still missing after the installation" >&2
		exit 1
	}
done
