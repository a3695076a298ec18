package config_test

import (
	"testing"

	"smsession/internal/config"
)

func TestListeners(t *testing.T) {
	const adminDefault = "127.0.0.1:9464"
	rows := []struct {
		name                string
		addr, port          string
		admin               *string
		wantAddr, wantAdmin string
		pprof               string
		wantPprof           bool
	}{
		{name: "PORT replaces the port of the default", port: "3000", wantAddr: ":3000", wantAdmin: adminDefault,
			wantPprof: true},
		{name: "ADDR takes precedence over PORT", addr: "10.0.0.1:80", port: "3000", wantAddr: "10.0.0.1:80",
			wantAdmin: adminDefault, wantPprof: true},
		{name: "PORT is not parsed if ADDR is set", addr: ":80", port: "tcp://10.0.0.1:80", wantAddr: ":80",
			wantAdmin: adminDefault, wantPprof: true},
		{name: "for port 0 the system chooses a port", addr: "127.0.0.1:0", admin: new(":0"), wantAddr: "127.0.0.1:0",
			wantAdmin: ":0"},
		{name: "the highest port is 65535", addr: ":65535", wantAddr: ":65535", wantAdmin: adminDefault,
			wantPprof: true},
		{name: "white space around an address is dropped", addr: " :80\n", admin: new(" 127.0.0.1:81 "),
			wantAddr: ":80", wantAdmin: "127.0.0.1:81", wantPprof: true},
		{name: "an empty ADMIN_ADDR turns the listener off", admin: new(""), wantAddr: ":8080"},
		{name: "a blank ADMIN_ADDR turns the listener off", admin: new("  "), wantAddr: ":8080"},
		{name: "pprof is on for ::1", admin: new("[::1]:9464"), wantAddr: ":8080", wantAdmin: "[::1]:9464",
			wantPprof: true},
		{name: "pprof is on for all of 127.0.0.0/8", admin: new("127.9.9.9:9464"), wantAddr: ":8080",
			wantAdmin: "127.9.9.9:9464", wantPprof: true},
		{name: "pprof is on for localhost", admin: new("LocalHost:9464"), wantAddr: ":8080",
			wantAdmin: "LocalHost:9464", wantPprof: true},
		{name: "pprof is off for all interfaces", admin: new(":9464"), wantAddr: ":8080", wantAdmin: ":9464"},
		{name: "pprof is off for 0.0.0.0", admin: new("0.0.0.0:9464"), wantAddr: ":8080", wantAdmin: "0.0.0.0:9464"},
		{name: "pprof is off for a name that begins like a loopback address", admin: new("127.0.0.1.example.com:1"),
			wantAddr: ":8080", wantAdmin: "127.0.0.1.example.com:1"},
		{name: "PPROF=true overrides the address", admin: new(":9464"), pprof: "true", wantAddr: ":8080",
			wantAdmin: ":9464", wantPprof: true},
		{name: "PPROF=false overrides the address", pprof: "False", wantAddr: ":8080", wantAdmin: adminDefault},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := read(t, func(f *config.Flags) {
				f.Addr, f.Port, f.AdminAddr, f.Pprof = row.addr, row.port, row.admin, row.pprof
			})
			if got.Addr != row.wantAddr || got.AdminAddr != row.wantAdmin || got.Pprof != row.wantPprof {
				t.Errorf("got %q %q %t, want %q %q %t",
					got.Addr, got.AdminAddr, got.Pprof, row.wantAddr, row.wantAdmin, row.wantPprof)
			}
		})
	}
}

// Only dev accepts an ADDR without a port, because the port of a service is never a guess.
func TestAddrOfDev(t *testing.T) {
	for _, row := range []struct{ name, addr, port, want string }{
		{"an IPv4 address gets the default port", " 0.0.0.0 ", "", "0.0.0.0:8080"},
		{"a name gets the default port", "workstation.local", "", "workstation.local:8080"},
		{"an IPv6 address in brackets gets the default port", "[::1]", "", "[::1]:8080"},
		{"the port may be in PORT", "0.0.0.0", "3000", "0.0.0.0:3000"},
		{"a port in ADDR takes precedence over PORT", "0.0.0.0:81", "3000", "0.0.0.0:81"},
		{"a number is no name", "8080", "", ""},
		{"an IPv6 address needs brackets", "::1:8080", "", ""},
		{"a name in brackets is no address", "[workstation]", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var f config.DevFlags
			f.Addr, f.Port = row.addr, row.port
			if c, err := f.Config(); c.Addr != row.want || (err == nil) != (row.want != "") {
				t.Errorf("got %q, %v, want %q", c.Addr, err, row.want)
			}
		})
	}
	if got, err := (config.Flags{ServiceFlags: config.ServiceFlags{Addr: "0.0.0.0"}}).Config(); err == nil {
		t.Errorf("serve accepts %q", got.Addr)
	}
}

func TestAddressFaults(t *testing.T) {
	const shape = "the address must be host:port or :port, such as 127.0.0.1:8080 or :8080"
	const port = "the port must be a number from 0 to 65535, such as 8080"
	const name = " is not a host name, such as sms-1 or metrics.example.com"
	addr := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.Addr = value } }
	portOnly := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.Port = value } }
	hosts := func(value string) func(*config.Flags) { return func(f *config.Flags) { f.AdminHosts = value } }
	checkFaults(t, []faultRow{
		{"an address must have a colon before its port", addr("8080"), "ADDR (--addr): " + shape},
		{"an IPv6 address needs brackets", addr("::1:8080"), "ADDR (--addr): " + shape},
		{"a host must have no spaces", addr("my host:80"), "ADDR (--addr): " + shape},
		{"an address must not be a URL", addr("http://h:80"), "ADDR (--addr): " + shape},
		{"a port must be at most 65535", addr(":65536"), "ADDR (--addr): " + port},
		{"a port must not be negative", addr(":-1"), "ADDR (--addr): " + port},
		{"a port must be a number, not a service", addr(":http"), "ADDR (--addr): " + port},
		{"a port must not be empty", addr("localhost:"), "ADDR (--addr): " + port},
		{"ADMIN_ADDR is checked in the same way", func(f *config.Flags) { f.AdminAddr = new("off") },
			"ADMIN_ADDR (--admin-addr): " + shape},
		{"PORT must be a number", portOnly("web"), "PORT (--port): " + port},
		{"PORT must not be an address", portOnly(":80"), "PORT (--port): " + port},
		{"PORT must be at most 65535", portOnly("70000"), "PORT (--port): " + port},
		{"ADMIN_HOSTS accepts no wildcard", hosts("*.example.com"), `ADMIN_HOSTS (--admin-hosts): "*.example.com"` +
			name},
		{"ADMIN_HOSTS accepts no URL", hosts("sms-1,http://sms-2"), `ADMIN_HOSTS (--admin-hosts): "http://sms-2"` +
			name},
		{"the names in ADMIN_HOSTS must be separated by commas", hosts("sms-1 sms-2"),
			`ADMIN_HOSTS (--admin-hosts): "sms-1 sms-2"` + name},
		{"ADMIN_HOSTS must have names as they are in a Host header", hosts("müller.example"),
			`ADMIN_HOSTS (--admin-hosts): "müller.example"` + name},
		{"ADMIN_HOSTS accepts no port without a name", hosts(":9464"), `ADMIN_HOSTS (--admin-hosts): ":9464"` + name},
		{"PPROF must be true or false", func(f *config.Flags) { f.Pprof = "1" },
			`PPROF (--pprof): "1" is not one of: true, false`},
	})
}
