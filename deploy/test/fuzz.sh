#!/bin/sh
# Runs every fuzz target of the module, each for the given time. go test can run only one at a time.
#
#   deploy/test/fuzz.sh 30s
set -eu

for package in $(go list ./...); do
	# This is a separate command, so that a package that does not compile ends the run.
	tests=$(go test -list '^Fuzz' "$package")
	for target in $(echo "$tests" | grep '^Fuzz' || true); do
		echo "$package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" "$package"
	done
done
