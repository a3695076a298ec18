// Package systemtest has the tests of whole systems: the built program as a process, in fleets, behind load balancers,
// with real Redis servers, and with the files in deploy. It contains only tests.
package systemtest
