package twiml

import (
	"fmt"
	"strings"
	"testing"
)

func TestVerbs(t *testing.T) {
	for _, row := range []struct {
		name, verbs string
		want        want
	}{
		{"an empty Response has no verbs", "", want{}},
		{"a Message is a message", "<Message>Hello</Message>", want{verbs: []string{"Hello"}}},
		{"several Messages keep their order", "<Message>b</Message>\n  <Message>a</Message>\n", want{verbs: []string{"b", "a"}}},
		{"a Redirect is a POST", "<Redirect>/next</Redirect>", want{verbs: []string{"redirect /next[method POST]"}}},
		{"a Redirect can be a GET", `<Redirect method="GET">/next</Redirect>`, want{verbs: []string{"redirect /next[method GET]"}}},
		{"white space around the URL of a Redirect is ignored", "<Message>Hello</Message><Redirect>\n/next\n</Redirect>", want{verbs: []string{"Hello", "redirect /next[method POST]"}}},
		{"a verb after a Redirect is not executed", "<Redirect>/next</Redirect><Message>Hello</Message><Say>x</Say>", want{verbs: []string{"redirect /next[method POST]"}, warnings: []int{0}}},
		{"white space after a Redirect causes no warning", "<Redirect>/next</Redirect>\n", want{verbs: []string{"redirect /next[method POST]"}}},
		{"a Redirect without a URL means the same document, with a warning", "<Redirect/>", want{verbs: []string{"redirect [method POST]"}, warnings: []int{0}}},
		{"a Redirect with another method is a POST, with a warning", `<Redirect method="PUT">/next</Redirect>`, want{verbs: []string{"redirect /next[method POST]"}, warnings: []int{14104}}},
		{"the method of a Redirect in small letters is accepted, with a warning", `<Redirect method="get">/next</Redirect>`, want{verbs: []string{"redirect /next[method GET]"}, warnings: []int{14104}}},
		{"an action continues with another document by POST", `<Message action="/next">Hello</Message>`, want{verbs: []string{"Hello[action /next][method POST]"}}},
		{"an action can continue by GET", `<Message action="/next" method="GET">Hello</Message>`, want{verbs: []string{"Hello[action /next][method GET]"}}},
		{"a verb after an action is not executed", `<Message action="/next">Hello</Message><Redirect>/other</Redirect>`, want{verbs: []string{"Hello[action /next][method POST]"}, warnings: []int{0}}},
		{"an empty action is ignored", `<Message action="">a</Message><Message>b</Message>`, want{verbs: []string{"a", "b"}}},
		{"an action of white space is ignored", `<Message action=" ">a</Message><Message>b</Message>`, want{verbs: []string{"a", "b"}}},
		{"the action of an empty message is not requested, with a warning", `<Message action="/next"/><Message>a</Message>`, want{errors: []int{14103}, warnings: []int{0, 0}}},
		{"the action of a message with a bad address is not requested, with a warning", `<Message action="/next" to="x">a</Message>`, want{errors: []int{14101}, warnings: []int{0}}},
		{"a method without an action is allowed", `<Message method="GET">Hello</Message>`, want{verbs: []string{"Hello"}}},
		{"an Sms is a deprecated Message", "<Sms>Hello</Sms>", want{verbs: []string{"Hello"}, warnings: []int{0}}},
		{"another verb is an error, and the rest is executed", "<Say>Hello</Say><Message>a</Message>", want{verbs: []string{"a"}, errors: []int{14110}}},
		{"a verb in small letters is another verb", "<message>Hello</message>", want{errors: []int{14110}}},
		{"a verb with a prefix is another verb", `<t:Message xmlns:t="https://example.com">Hello</t:Message>`, want{errors: []int{14110}}},
		{"text in the Response is ignored, with a warning", "Hello", want{warnings: []int{12200}}},
		{"an unknown attribute of a Message is ignored, with a warning", `<Message To="+12025550143">Hello</Message>`, want{verbs: []string{"Hello"}, warnings: []int{12200}}},
		{"an unknown attribute of a Body is ignored, with a warning", `<Message><Body lang="en">Hello</Body></Message>`, want{verbs: []string{"Hello"}, warnings: []int{12200}}},
		{"an unknown attribute of a Redirect is ignored, with a warning", `<Redirect to="x">/next</Redirect>`, want{verbs: []string{"redirect /next[method POST]"}, warnings: []int{12200}}},
		{"attributes with a prefix cause no warning", `<Message xml:space="preserve">Hello</Message>`, want{verbs: []string{"Hello"}}},
		{"an unknown element in a Message is ignored, with a warning", "<Message>He<b>ll</b>o</Message>", want{verbs: []string{"Heo"}, warnings: []int{12200}}},
		{"a verb in a Message is ignored, with a warning", "<Message>Hello<Redirect>/next</Redirect></Message>", want{verbs: []string{"Hello"}, warnings: []int{12200}}},
		{"an element in a Body is ignored, with a warning", "<Message><Body>Hel<i>x</i>lo</Body></Message>", want{verbs: []string{"Hello"}, warnings: []int{12200}}},
		{"an element in a Redirect is ignored, with a warning", "<Redirect>/next<b/></Redirect>", want{verbs: []string{"redirect /next[method POST]"}, warnings: []int{12200}}},
	} {
		t.Run(row.name, func(t *testing.T) { row.want.check(t, Read(response(row.verbs))) })
	}
}

func TestResponseElement(t *testing.T) {
	failed := want{errors: []int{12102}, failed: true}
	for _, row := range []struct {
		name, document string
		want           want
	}{
		{"the root is Response", `<Response><Message>a</Message></Response>`, want{verbs: []string{"a"}}},
		{"the root is not response", `<response><Message>a</Message></response>`, failed},
		{"the root is not a verb", `<Message>a</Message>`, failed},
		{"the root is not a Response with a prefix", `<t:Response xmlns:t="https://example.com"/>`, failed},
		{"the root may name the version of the API", `<Response version="2010-04-01"/>`, want{}},
		{"the root may name the earlier version of the API", `<Response version="2008-08-01"/>`, want{}},
		{"the root may not name another version", `<Response version="1.0"><Message>a</Message></Response>`, want{errors: []int{12101}, failed: true}},
		{"an unknown attribute is ignored, with a warning", `<Response lang="en"><Message>a</Message></Response>`, want{verbs: []string{"a"}, warnings: []int{12200}}},
		{"a namespace is ignored, with a warning", `<Response xmlns="https://example.com"><Message>a</Message></Response>`, want{verbs: []string{"a"}, warnings: []int{12200}}},
		{"the attributes of schemas cause no warning", `<Response xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="a.xsd"/>`, want{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := Read([]byte(row.document))
			row.want.check(t, d)
			if (d.Root == nil) != row.want.failed {
				t.Errorf("the root is %v", d.Root)
			}
		})
	}
}

func TestMessageLimit(t *testing.T) {
	var messages strings.Builder
	var ten []string
	for i := range 10 {
		fmt.Fprintf(&messages, "<Message>%d</Message>", i)
		ten = append(ten, fmt.Sprint(i))
	}
	more := messages.String() + "<Message>10</Message><Message>11</Message>"
	for _, row := range []struct {
		name, verbs string
		want        want
	}{
		{"ten messages are sent", messages.String(), want{verbs: ten}},
		{"ten of twelve messages are sent", more, want{verbs: ten, errors: []int{14109}}},
		{"a Redirect after twelve messages is executed", more + "<Redirect>/next</Redirect>", want{verbs: append(ten, "redirect /next[method POST]"), errors: []int{14109}}},
		{"an empty message does not count", "<Message/>" + messages.String(), want{verbs: ten, errors: []int{14103}}},
	} {
		t.Run(row.name, func(t *testing.T) { row.want.check(t, Read(response(row.verbs))) })
	}
}

func TestDetails(t *testing.T) {
	for _, row := range []struct{ name, document, want string }{
		{"an error of XML names its line", "<?xml version=\"1.0\"?>\n<Response>\n<Message>a</Response>", "line 3"},
		{"the lines of the declaration count", "<?xml\nversion=\"1.0\"?>\n<Response>\n<Message>a & b</Response>", "line 4"},
		{"an unknown verb has its line", "<Response>\n\n<Say>a</Say></Response>", "line 3"},
		{"a bad address has its line", "<?xml\nversion=\"1.0\"?>\n<Response>\n<Message to='x'/></Response>", "line 4"},
		{"a second root has its line", "<?xml\nversion=\"1.0\"?>\n<Response/>\n<Response/>", "line 4: there is a second root element"},
		{"a malformed declaration is named", "<?xml?><Response/>", "the XML declaration is malformed"},
		{"an element has the line of the end of its start tag", "<Response>\n<Message\n>a<b>c</b></Message></Response>", "line 3"},
		{"text after the root has its line", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>\n</Response>\n!", "line 4"},
	} {
		t.Run(row.name, func(t *testing.T) {
			findings := Read([]byte(row.document)).Findings
			if len(findings) == 0 || !strings.Contains(findings[0].Detail, row.want) {
				t.Errorf("the findings are %v, want %q", findings, row.want)
			}
		})
	}
}

// A finding quotes only the beginning of a long text.
func TestDetailsAreShort(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for name, document := range map[string]string{
		"a root":                    "<" + long + "/>",
		"a verb":                    "<Response><" + long + "/></Response>",
		"an end tag":                "</" + long + ">",
		"an element in a message":   "<Response><Message><" + long + "/></Message></Response>",
		"two different tags":        "<" + long + "></" + long + "x>",
		"a name that is not valid":  "<1" + long + "/>",
		"a tag that does not end":   "<" + long,
		"an entity":                 "<Response>&" + long + ";</Response>",
		"a version":                 `<Response version="` + long + `"/>`,
		"an address":                `<Response><Message to="` + long + `">a</Message></Response>`,
		"the name of an attribute":  `<Response ` + long + `=""/>`,
		"an attribute given twice":  `<` + long + ` a="" a=""/>`,
		"a second root":             "<Response/><" + long + "/>",
		"an encoding":               `<?xml version="1.0" encoding="` + long + `"?><Response>á</Response>`,
		"the version of XML itself": `<?xml version="1.` + strings.Repeat("1", 10_000) + `"?><Response/>`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range Read([]byte(document)).Findings {
				if len(f.Detail) > 300 {
					t.Errorf("the detail has %d bytes: %.80s…", len(f.Detail), f.Detail)
				}
			}
		})
	}
	if f := ReadResponse(200, long, nil).Findings[0]; len(f.Detail) > 300 {
		t.Errorf("the detail of a type has %d bytes", len(f.Detail))
	}
}
