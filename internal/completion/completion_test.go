package completion_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"smsession/internal/completion"
)

// commandLine has every kind of flag and argument.
type commandLine struct {
	Serve struct {
		Fast  bool     `name:"fast" short:"f" help:"Be fast."`
		Mode  string   `name:"mode" aliases:"m" enum:"one,two," default:"" help:"Choose a mode."`
		Out   string   `name:"out" placeholder:"PATH"`
		Probe string   `name:"probe" placeholder:"true|false"`
		Name  string   `name:"name" placeholder:"NAME"`
		Old   bool     `name:"old" hidden:""`
		Texts []string `arg:"" optional:""`
	} `cmd:"" help:"Run it."`
	Shell struct {
		Name string `arg:"" enum:"bash,zsh"`
	} `cmd:""`
	Group struct {
		Set struct{} `cmd:""`
		See struct{} `cmd:""`
	} `cmd:""`
	Secret struct{} `cmd:"" hidden:""`
}

func TestCandidates(t *testing.T) {
	parser := kong.Must(new(commandLine), kong.Name("program"))
	for _, row := range []struct{ line, want string }{
		{"", "serve shell group"},
		{"s", "serve shell"},
		{"se", "serve"},
		{"sec", ""},
		{"group ", "set see"},
		{"group se", "set see"},
		{"group set ", ""},
		{"unknown ", "serve shell group"},
		{"-", "--help"},
		{"serve --", "--help --fast --mode --out --probe --name"},
		{"serve --f", "--fast"},
		{"serve --fast --", "--help --mode --out --probe --name"},
		{"serve -f --", "--help --mode --out --probe --name"},
		{"serve --fast ", ""},
		{"serve --mode ", "one two"},
		{"serve --mode t", "two"},
		{"serve --m t", "two"},
		{"serve --mode=", "--mode=one --mode=two"},
		{"serve --mode=t", "--mode=two"},
		{"serve --mode =", "one two"},
		{"serve --mode = t", "two"},
		{"serve --mode one --", "--help --fast --out --probe --name"},
		{"serve --mode = one --", "--help --fast --out --probe --name"},
		{"serve --mode=one --n", "--name"},
		{"serve --name --fast ", ""},
		{"serve --name x --o", "--out"},
		{"serve --name ", ""},
		{"serve --out ", ":files"},
		{"serve --out a", ":files"},
		{"serve --out=a", ":files"},
		{"serve --probe ", "true false"},
		{"serve --unknown=", ""},
		{"serve -- --", ""},
		{"serve text --fa", "--fast"},
		{"shell ", "bash zsh"},
		{"shell z", "zsh"},
	} {
		t.Run("program "+row.line, func(t *testing.T) {
			var got []string
			for _, c := range completion.Candidates(parser.Model, strings.Split(row.line, " ")) {
				got = append(got, c.Word)
			}
			if !slices.Equal(got, strings.Fields(row.want)) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	got := completion.Candidates(parser.Model, []string{"serve", "--fa"})
	if len(got) != 1 || got[0].Help != "Be fast." {
		t.Errorf("got %+v", got)
	}
	if got := completion.Candidates(parser.Model, nil); len(got) != 3 {
		t.Errorf("without a word, got %+v", got)
	}
}

func TestScript(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if text, err := completion.Script(shell); err != nil || !strings.Contains(text, " complete -- ") &&
			!strings.Contains(text, " complete -- $words") {
			t.Errorf("%s: %v, %s", shell, err, text)
		}
	}
	if _, err := completion.Script("csh"); err == nil {
		t.Error("there is a script for csh")
	}
}
