#!/bin/sh
# Sees to it that the programs that the tests start for real are there, because a skipped suite is not a passed one.
# As root it installs what is missing; for anybody else it prints the one command that does, and fails.
# It prints nothing when there is nothing to do.
#
#   deploy/test/setup.sh redis-server redis-cli cc caddy chromium flask promtool systemd-analyze
set -eu

# found says whether a tool is there.
found() {
	case $1 in
	cc)
		# The race detector needs the compiler that Go would call, and the C library's headers with it. Under sudo
		# there may be no go, and then it is the one that is installed below.
		cc=$(go env CC 2>/dev/null) || cc=gcc
		# CC may carry arguments, so it is split on purpose.
		# shellcheck disable=SC2086
		echo '#include <stdlib.h>' | $cc -E - >/dev/null 2>&1
		;;
	chromium)
		command -v chromium || command -v chromium-browser || command -v google-chrome
		;;
	flask)
		# A library of the system's Python, whichever python3 comes first in PATH.
		/usr/bin/python3 -c 'import flask' || python3 -c 'import flask'
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

# package prints what a tool is called by a package manager.
package() {
	case $1:$2 in
	apt-get:redis-cli) echo redis-tools ;;
	apt-get:cc) echo gcc libc6-dev ;;
	apt-get:promtool) echo prometheus ;;
	apt-get:systemd-analyze) echo systemd ;;
	dnf:promtool) echo golang-github-prometheus ;;
	dnf:systemd-analyze) echo systemd ;;
	apk:promtool | brew:promtool) echo prometheus ;;
	apt-get:flask | dnf:flask) echo python3-flask ;;
	apk:flask) echo py3-flask ;;
	# By file, because newer Fedoras have the two from a package of another name.
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

# install_quietly runs such a command without leaving services behind: Debian's packages start theirs when they are
# installed, a Redis on 6379 for one, and at every boot. The tests start their own, on ports of their own.
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

# stop_service is for a system whose own policy let the service start, and for its next boot.
stop_service() {
	if [ -d /run/systemd/system ]; then
		systemctl disable --now "$1"
	elif command -v service >/dev/null 2>&1; then
		service "$1" stop
	fi >/dev/null 2>&1 || true
}

missing=
for tool in "$@"; do
	found "$tool" || missing="$missing $tool"
done
[ -n "$missing" ] || exit 0

manager=$(manager)
if [ -z "$manager" ]; then
	echo "The tests need these programs, and no known package manager is here to install them:$missing" >&2
	exit 1
fi
packages=
for tool in $missing; do
	for name in $(package "$manager" "$tool"); do
		case " $packages " in
		*" $name "*) ;;
		*) packages="$packages $name" ;;
		esac
	done
done
# shellcheck disable=SC2086
install=$(command_for "$manager" $packages)

# Homebrew refuses to run as root, and belongs to whoever set it up.
if [ "$manager" = brew ]; then
	printf 'The tests need%s. This installs it:\n\n    %s\n\n' "$missing" "$install" >&2
	exit 1
fi
# Not the bare command: this script also sees to it that no service stays behind.
if [ "$(id -u)" -ne 0 ]; then
	printf 'The tests need%s. This installs it (%s:%s):\n\n    sudo %s%s\n\n' \
		"$missing" "$manager" "$packages" "$0" "$missing" >&2
	exit 1
fi

echo "Installing what the tests need:$missing" >&2
install_quietly "$install" >&2
for tool in $missing; do
	found "$tool" || {
		echo "$tool is still missing after: $install" >&2
		exit 1
	}
done
