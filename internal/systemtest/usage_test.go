package systemtest

import (
	"regexp"
	"strings"
	"testing"
)

// commandNames returns the commands of the program.
func commandNames() []string {
	return []string{"serve", "dev", "phone", "load", "app-check", "ls", "show", "watch", "end", "webhook show",
		"webhook set", "config", "version", "health", "completion", "complete", "man"}
}

// TestHelp reads the help of each command. The overview, and the table in README.md, have every command but one: only
// the scripts of completion call complete.
func TestHelp(t *testing.T) {
	overview := execute(t, []string{"--help"})
	_, table, _ := strings.Cut(readme(t), "\n## Commands\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, name := range commandNames() {
		t.Run(name, func(t *testing.T) {
			r := execute(t, append(strings.Fields(name), "--help"))
			text := strings.Join(strings.Fields(r.stdout), " ")
			if r.status != 0 || r.stderr != "" || !strings.Contains(text, "exit status") {
				t.Errorf("exit status %d, %q, the help does not explain the exit status:\n%s", r.status, r.stderr,
					r.stdout)
			}
			if !regexp.MustCompile(`(?m)^    .*smsession ` + name).MatchString(r.stdout) {
				t.Errorf("the help has no example:\n%s", r.stdout)
			}
			group, _, _ := strings.Cut(name, " ")
			if listed := strings.Contains(overview.stdout, "\n  "+group+" "); listed == (name == "complete") {
				t.Errorf("listed in smsession --help: %t", listed)
			}
			row := regexp.MustCompile("`(smsession )?" + group + "[` ]")
			if listed := row.MatchString(table); listed == (name == "complete") {
				t.Errorf("listed in README.md: %t", listed)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	command, flag := execute(t, []string{"version"}), execute(t, []string{"--version"})
	if command.status != 0 || !strings.HasPrefix(command.stdout, "smsession ") || flag != command {
		t.Errorf("version prints %+v, and --version prints %+v", command, flag)
	}
}

// TestUsageErrors puts a secret in every position of a command line. kong would quote them in its errors.
func TestUsageErrors(t *testing.T) {
	rows := []struct {
		name, want string
		args       []string
	}{
		{"no number", "smsession: end: NUMBER is missing; for example: smsession end +12025550143",
			[]string{"end", "--erase"}},
		{"no number for a command of webhook", "NUMBER is missing; for example: smsession webhook set +15005550006 --dry-run",
			[]string{"webhook", "set", "--url=S3cr3t"}},
		{"no number and an unknown flag", "a flag is unknown; see smsession show --help", []string{"show", "--S3cr3t"}},
		{"no command", "a command is missing: one of serve, dev", nil},
		{"an unknown command", "neither a flag nor a command: the commands are serve, dev", []string{"S3cr3t"}},
		{"a misspelt command", "a command, did you mean serve?; see smsession --help", []string{"sreve"}},
		{"a misspelt short command", "a command, did you mean ls?; see", []string{"lst"}},
		{"help as a command", "help is a flag: write --help after the command", []string{"help", "S3cr3t"}},
		{"an argument too many", "neither a flag nor a command", []string{"version", "S3cr3t"}},
		{"an argument after two dashes", "neither a flag nor a command", []string{"serve", "--", "S3cr3t"}},
		{"another shell", "SHELL must be one of bash, zsh, fish", []string{"completion", "S3cr3t"}},
		{"a URL without --app-url", "neither a flag nor a command; did you mean --app-url?; see smsession dev --help",
			[]string{"dev", "http://localhost:3000/S3cr3t"}},
		{"a URL for a command without --app-url", "neither a flag nor a command; see smsession version",
			[]string{"version", "http://localhost:3000/S3cr3t"}},
		{"a space after the equals sign", "neither a flag nor a command",
			[]string{"serve", "--redis-url=", "redis://:S3cr3t@host"}},
		{"an unknown flag", "a flag is unknown", []string{"serve", "--S3cr3t"}},
		{"an unknown flag with a value", "a flag is unknown", []string{"serve", "--unknown=S3cr3t"}},
		{"an unknown short flag", "a flag is unknown", []string{"serve", "-S3cr3t"}},
		{"a misspelt flag", "a flag is unknown, did you mean --redis-url?; see smsession serve --help",
			[]string{"serve", "--redis-ulr=S3cr3t"}},
		{"a flag of another command", "--redis-url is not a flag of this command",
			[]string{"dev", "--redis-url=S3cr3t"}},
		{"a flag before the command", "--redis-url is not a flag of this command",
			[]string{"--redis-url=S3cr3t", "serve"}},
		{"a flag before the command, with a space before its value", "--redis-url is not a flag",
			[]string{"--redis-url", "S3cr3t", "serve"}},
		{"a flag without a value", "--redis-url needs a value", []string{"serve", "--redis-url"}},
		{"a value that looks like a flag", "--redis-url=VALUE", []string{"serve", "--redis-url", "--S3cr3t"}},
		{"a value that looks like a short flag", "--twilio-auth-token=VALUE",
			[]string{"config", "--twilio-auth-token", "-S3cr3t"}},
		{"a value for the help flag", "--help takes no value", []string{"serve", "--help=S3cr3t"}},
		{"a secret that looks like a suggestion", "neither a flag nor", []string{`x, did you mean "S3cr3t"?`}},
		{"a secret that looks like another error", "neither a flag nor", []string{"expected one of S3cr3t"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := execute(t, row.args)
			printed := r.stderr
			if r.status != 2 || !strings.Contains(printed, row.want) || strings.Count(printed, "\n") > 0 ||
				r.stdout != "" {
				t.Errorf("exit status %d, %q", r.status, printed)
			}
			if strings.Contains(strings.ToLower(printed), "s3cr3t") {
				t.Errorf("the secret is in %q", printed)
			}
		})
	}
}
