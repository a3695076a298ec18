package config_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"smsession/internal/config"
)

// faultRow is a change to the required flags that makes them faulty, and the
// whole error.
type faultRow struct {
	name string
	set  func(*config.Flags)
	want string
}

func checkFaults(t *testing.T, rows []faultRow) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := required()
			row.set(&f)
			_, err := f.Config()
			if err == nil {
				t.Fatal("accepted")
			}
			if got := err.Error(); got != row.want {
				t.Errorf("\ngot  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	var f config.Flags
	f.Addr, f.AdminAddr, f.AdminHosts, f.Pprof = "x", new("x"), "*", "x"
	f.PublicURL, f.WebhookURL, f.FallbackURL = "x", "x", "x"
	f.TwilioAuthToken = ","
	f.TwilioAccountSID = "x"
	f.RedisURL = "x"
	f.RedisPrefix = "{" + strings.Repeat("x", 64)
	f.RedisWaitReplicas, f.RedisConnections = "x", "x"
	f.SessionIdleTimeout, f.SessionLifetime = "x", "x"
	f.RequestBudget, f.KeepAlive, f.MaxConnections = "x", "x", "x"
	f.DrainDelay, f.MaxReplies, f.OptOut = "x", "x", "x"
	f.AppURL, f.AppProtocol, f.AppPublicURL, f.AppTimeout = "x", "x", "x", "x"
	f.AppConcurrency, f.AppImportCookies, f.AppSecret = "x", "x", "x"
	f.LogLevel, f.LogFormat = "x", "x"
	got, err := f.Config()
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		t.Fatalf("got %T", err)
	}
	var names []string
	for _, fault := range faults {
		name, _, _ := strings.Cut(fault, " ")
		names = append(names, name)
	}
	want := "ADDR ADMIN_ADDR ADMIN_HOSTS PUBLIC_URL WEBHOOK_URL FALLBACK_URL TWILIO_AUTH_TOKEN TWILIO_AUTH_TOKEN TWILIO_ACCOUNT_SID " +
		"REDIS_URL REDIS_PREFIX REDIS_WAIT_REPLICAS REDIS_CONNECTIONS SESSION_IDLE_TIMEOUT SESSION_LIFETIME " +
		"REQUEST_BUDGET KEEP_ALIVE MAX_CONNECTIONS DRAIN_DELAY MAX_REPLIES_PER_MINUTE OPT_OUT " +
		"APP_URL APP_PROTOCOL APP_PUBLIC_URL APP_TIMEOUT APP_CONCURRENCY APP_IMPORT_COOKIES APP_SECRET LOG_LEVEL LOG_FORMAT PPROF"
	if strings.Join(names, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(names, " "), want)
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != len(faults) {
		t.Errorf("%d lines for %d faults", lines, len(faults))
	}
	if got.Addr != "" || got.AuthTokens != nil {
		t.Errorf("got settings together with the faults: %v", got)
	}
}

func TestRequiredSettings(t *testing.T) {
	_, err := config.Flags{}.Config()
	want := `PUBLIC_URL (--public-url): the setting is missing: set it to the URL that Twilio is configured with, without /sms, such as https://sms.example.com; or set both WEBHOOK_URL and FALLBACK_URL
TWILIO_AUTH_TOKEN (--twilio-auth-token): the setting is missing: set it to the auth token of the Twilio account; or set TWILIO_AUTH_TOKEN_FILE
REDIS_URL (--redis-url): the setting is missing: set it to a URL such as redis://localhost:6379; or set REDIS_URL_FILE`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// The shells complete the values in a placeholder such as json|text, so all of them must be accepted, and no others.
func TestPlaceholders(t *testing.T) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[config.Flags]()) {
		if field.Type.Kind() != reflect.String {
			continue
		}
		fault := func(value string) string {
			f := required()
			reflect.ValueOf(&f).Elem().FieldByIndex(field.Index).SetString(value)
			_, err := f.Config()
			faults, _ := errors.AsType[config.Faults](err)
			return strings.Join(faults, "\n")
		}
		values := strings.Split(field.Tag.Get("placeholder"), "|")
		_, accepted, isEnum := strings.Cut(fault("?"), " is not one of: ")
		if isEnum != (len(values) > 1) || isEnum && accepted != strings.Join(values, ", ") {
			t.Errorf("%s accepts %q, and its placeholder has %q", field.Name, accepted, values)
		}
	}
}
