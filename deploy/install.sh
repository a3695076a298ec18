#!/bin/sh
# Installs smsession below a prefix: the program, the completions for bash, zsh and fish, and the manual page. The
# program itself writes the completions and the page. The files are readable for all users, whatever the umask is.
#
#   deploy/install.sh bin/smsession /usr/local
set -eu

program=$1 prefix=$2
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT

# add installs the output of the program as a file below the prefix.
add() {
	file=$1
	shift
	"$program" "$@" >"$files/file"
	install -d "$prefix/${file%/*}"
	install -m 644 "$files/file" "$prefix/$file"
}

install -d "$prefix/bin"
install -m 755 "$program" "$prefix/bin/smsession"
add share/bash-completion/completions/smsession completion bash
add share/zsh/site-functions/_smsession completion zsh
add share/fish/vendor_completions.d/smsession.fish completion fish
add share/man/man1/smsession.1 man
