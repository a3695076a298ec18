package config_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"smsession/internal/config"
)

const (
	commonNames = "ADDR PORT ADMIN_ADDR ADMIN_HOSTS PPROF SESSION_IDLE_TIMEOUT SESSION_LIFETIME REQUEST_BUDGET KEEP_ALIVE " +
		"MAX_CONNECTIONS DRAIN_DELAY MAX_REPLIES_PER_MINUTE OPT_OUT LOG_LEVEL LOG_FORMAT APP_URL APP_PROTOCOL APP_PUBLIC_URL " +
		"APP_TIMEOUT APP_CONCURRENCY APP_IMPORT_COOKIES APP_SECRET APP_SECRET_FILE"
	serviceNames = "PUBLIC_URL TWILIO_ACCOUNT_SID WEBHOOK_URL FALLBACK_URL TWILIO_AUTH_TOKEN TWILIO_AUTH_TOKEN_FILE " +
		"REDIS_URL REDIS_URL_FILE REDIS_PREFIX REDIS_WAIT_REPLICAS REDIS_CONNECTIONS " + commonNames
	devNames = "PUBLIC_URL TWILIO_ACCOUNT_SID REDIS_PREFIX " + commonNames
)

// parse sets target as a command does: from env, which replaces the whole environment, and then from args.
func parse(t *testing.T, target any, env map[string]string, args ...string) *kong.Kong {
	t.Helper()
	for name := range strings.FieldsSeq(serviceNames) {
		value, set := env[name]
		t.Setenv(name, value) // also restores it after the test
		if !set {
			os.Unsetenv(name)
		}
	}
	parser, err := kong.New(target)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	return parser
}

func TestNames(t *testing.T) {
	rows := []struct {
		name, want string
		flags      any
	}{
		{"the service has every setting", serviceNames, &config.Flags{}},
		{"dev has no settings for Redis and the auth token", devNames, &config.DevFlags{}},
		{"an operator's command has only the settings of Redis", "REDIS_URL REDIS_URL_FILE REDIS_PREFIX",
			&config.OperatorFlags{}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var names []string
			for _, flag := range parse(t, row.flags, nil).Model.Flags {
				if flag.Name == "help" {
					continue
				}
				names = append(names, strings.Join(flag.Envs, ","))
				want := "--" + strings.ReplaceAll(strings.ToLower(flag.Envs[0]), "_", "-")
				if "--"+flag.Name != want || flag.Help == "" || flag.PlaceHolder == "" || flag.HasDefault {
					t.Errorf("%s is --%s, %q", flag.Envs[0], flag.Name, flag.Help)
				}
			}
			if got := strings.Join(names, " "); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// TestHelpOfDefaults compares the help texts with Defaults and DevDefaults.
func TestHelpOfDefaults(t *testing.T) {
	help := map[string]string{}
	for _, flag := range parse(t, &config.Flags{}, nil).Model.Flags {
		if len(flag.Envs) > 0 {
			help[flag.Envs[0]] = flag.Help
		}
	}
	dev := config.DevDefaults().Settings()
	for i, setting := range config.Defaults().Settings() {
		if setting.Value == "" || setting.Name == "PPROF" {
			continue
		}
		text := help[setting.Name]
		if !strings.Contains(text, "default "+setting.Value) && !strings.Contains(text, "default: "+setting.Value) {
			t.Errorf("%s: default %s is not in %q", setting.Name, setting.Value, text)
		}
		if dev[i].Value != setting.Value && !strings.Contains(text, "dev: "+dev[i].Value) {
			t.Errorf("%s: dev's default %s is not in %q", setting.Name, dev[i].Value, text)
		}
	}
}

// TestFlagsOverrideTheEnvironment sets every setting to one value in the environment and to another value by its flag.
func TestFlagsOverrideTheEnvironment(t *testing.T) {
	var args []string
	env := map[string]string{}
	for _, flag := range parse(t, &config.Flags{}, nil).Model.Flags {
		if flag.Name != "help" {
			env[flag.Envs[0]] = "environment"
			args = append(args, "--"+flag.Name+"=flag")
		}
	}
	for source, args := range map[string][]string{"environment": nil, "flag": args} {
		var f config.Flags
		parse(t, &f, env, args...)
		for field, value := range strs(reflect.ValueOf(f)) {
			if value != source {
				t.Errorf("%s is %q, want the value of the %s", field, value, source)
			}
		}
	}
}

// strs returns the values of the fields of a struct and of the structs in it, by the names of the fields.
func strs(v reflect.Value) map[string]string {
	values := map[string]string{}
	for field, value := range v.Fields() {
		switch value.Kind() {
		case reflect.Struct:
			for name, text := range strs(value) {
				values[name] = text
			}
		case reflect.Pointer:
			values[field.Name] = value.Elem().String()
		default:
			values[field.Name] = value.String()
		}
	}
	return values
}

func TestEmptyAdminAddr(t *testing.T) {
	rows := []struct {
		name string
		env  map[string]string
		args []string
		want string
	}{
		{"the default is used if it is not set", nil, nil, "127.0.0.1:9464"},
		{"an empty variable turns the listener off", map[string]string{"ADMIN_ADDR": ""}, nil, ""},
		{"an empty flag turns the listener off", nil, []string{"--admin-addr="}, ""},
		{"an empty argument after the flag turns the listener off", nil, []string{"--admin-addr", ""}, ""},
		{"an empty flag overrides the environment", map[string]string{"ADMIN_ADDR": ":1"}, []string{"--admin-addr="},
			""},
		{"a flag overrides an empty variable", map[string]string{"ADMIN_ADDR": ""}, []string{"--admin-addr=:2"}, ":2"},
		{"a variable is used if there is no flag", map[string]string{"ADMIN_ADDR": ":1"}, nil, ":1"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := required()
			parse(t, &f.ServiceFlags, row.env, row.args...)
			c, err := f.Config()
			if err != nil || c.AdminAddr != row.want {
				t.Errorf("got %q, %v; want %q", c.AdminAddr, err, row.want)
			}
		})
	}
}

// TestEmptyVariables sets variables to nothing, as Compose does with variables that are not set.
func TestEmptyVariables(t *testing.T) {
	env := map[string]string{"ADDR": "", "PORT": "", "REDIS_PREFIX": "", "SESSION_IDLE_TIMEOUT": "", "LOG_FORMAT": "",
		"PPROF":   "",
		"APP_URL": "", "APP_PROTOCOL": "", "APP_PUBLIC_URL": "", "APP_TIMEOUT": "", "APP_CONCURRENCY": "",
		"APP_IMPORT_COOKIES": "", "APP_SECRET": "", "APP_SECRET_FILE": "",
		"TWILIO_AUTH_TOKEN_FILE": "", "REDIS_URL_FILE": "", "TWILIO_ACCOUNT_SID": "",
		"PUBLIC_URL": "https://sms.example.com", "TWILIO_AUTH_TOKEN": token, "REDIS_URL": "redis://redis"}
	var f config.Flags
	parse(t, &f, env)
	got, err := f.Config()
	if want := read(t, func(*config.Flags) {}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v, %v\nwant %v", got, err, want)
	}
}
