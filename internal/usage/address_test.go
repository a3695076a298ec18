package usage_test

import (
	"bytes"
	"testing"

	"github.com/alecthomas/kong"

	"smsession/internal/usage"
)

// addresses are texts and the addresses that they mean; "" for a text that is refused. The numbers are reserved for
// fiction or documentation.
var addresses = []struct{ name, typed, number string }{
	{"E.164 does not change", "+12025550143", "+12025550143"},
	{"a number of 20 digits may be in Redis", "+12345678901234567890", "+12345678901234567890"},
	{"a US number has layout", "(202) 555-0199", "+12025550199"},
	{"a US number has dots", "202.555.0199", "+12025550199"},
	{"a US number has its country code", "1-202-555-0199", "+12025550199"},
	{"spaces are around a number", " +1 202 555 0199\t", "+12025550199"},
	{"dashes and spaces come from a web page", "+1\u00a0202\u2011555\u20110199", "+12025550199"},
	{"marks of direction come from a list of contacts", "\u202a+1 (202) 555-0199\u202c", "+12025550199"},
	{"a zero in parentheses is not dialled from abroad", "+44 (0)20 7946 0958", "+442079460958"},
	{"a short code does not change", "12345", "12345"},
	{"a channel has a US number", "whatsapp:(202) 555-0199", "whatsapp:+12025550199"},
	{"RCS has a number", "rcs:12025550199", "rcs:+12025550199"},
	{"RCS has the name of an agent", "rcs:brand_xyz_agent", "rcs:brand_xyz_agent"},
	{"another channel has no numbers", "messenger:2025550199", "messenger:2025550199"},
	{"a masked number stays masked", "+1202•••0199", "+1202•••0199"},

	{"a word", "hello", ""},
	{"a number with letters", "1-800-FLOWERS", ""},
	{"a national number of France has ten digits", "06 12 34 56 78", ""},
	{"a national number of Britain", "020 7946 0958", ""},
	{"an international number without its +", "442079460958", ""},
	{"two numbers", "+12025550143,+12025550199", ""},
	{"a local number", "555-0199", ""},
	{"only a plus", "+", ""},
	{"21 digits", "+123456789012345678901", ""},
	{"digits of another script", "٢٠٢٥٥٥٠١٩٩", ""},
	{"nothing", "", ""},
	{"only spaces", " ", ""},
}

func TestAddress(t *testing.T) {
	for _, a := range addresses {
		t.Run(a.name, func(t *testing.T) {
			got, err := usage.ParseAddress(a.typed)
			if (err != nil) != (a.number == "") || err == nil && (got.Number != a.number || got.Typed != a.typed) {
				t.Errorf("%q is read as %+v, %v, not as %q", a.typed, got, err, a.number)
			}
		})
	}
}

func TestAddressOfACommand(t *testing.T) {
	tests := []struct {
		name       string
		args       []string
		want, says string
	}{
		{"a change is reported", []string{"--from=(202) 555-0199"}, "+12025550199",
			"smsession: (202) 555-0199 is read as +12025550199\n"},
		{"the report is safe for a terminal", []string{"--from=\u202a+12025550199"}, "+12025550199",
			"smsession: \\u202a+12025550199 is read as +12025550199\n"},
		{"the same number is not reported", []string{"--from=+12025550199"}, "+12025550199", ""},
		{"the default is not reported", nil, "+12025550143", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var command struct {
				From usage.Address `name:"from" default:"+12025550143"`
			}
			var out bytes.Buffer
			if _, err := kong.Must(&command, kong.Writers(&out, &out)).Parse(test.args); err != nil {
				t.Fatal(err)
			}
			if command.From.String() != test.want || out.String() != test.says {
				t.Errorf("%q gives %q and says %q", test.args, command.From, out.String())
			}
		})
	}
	t.Run("a word is refused with an example", func(t *testing.T) {
		var command struct {
			From usage.Address `name:"from"`
		}
		_, err := kong.Must(&command).Parse([]string{"--from=hello"})
		const want = "the command line is wrong: --from must be a phone number such as +12025550143"
		if got := usage.Explain(err).Error(); len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("the error is %q", got)
		}
	})
}
