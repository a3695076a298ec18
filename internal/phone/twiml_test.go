package phone

import (
	"fmt"
	"strings"
	"testing"
)

func in(response string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><Response>` + response + `</Response>`
}

func TestVerbs(t *testing.T) {
	for _, row := range []struct {
		name, response string
		want           judged
	}{
		{"an empty Response says nothing", "", judged{}},
		{"a Message is a message", "<Message>Hello</Message>", judged{verbs: []string{"Hello"}}},
		{"several are several, in order", "<Message>b</Message>\n  <Message>a</Message>\n", judged{verbs: []string{"b", "a"}}},
		{"a Body is the text", "<Message><Body>Hello</Body></Message>", judged{verbs: []string{"Hello"}}},
		{"several Bodies are put together", "<Message><Body>Hello, </Body><Body>world</Body></Message>", judged{verbs: []string{"Hello, world"}}},
		{"white space around a Body is layout", "<Message>\n  <Body>Hello</Body>\n</Message>", judged{verbs: []string{"Hello"}}},
		{"text beside a Body is not documented", "<Message>Hello, <Body>world</Body></Message>", judged{verbs: []string{"Hello, world"}, warnings: []int{0}}},
		{"white space at the ends of a text is kept, which is not certain", "<Message>\n  Hello\n</Message>", judged{verbs: []string{"\n  Hello\n"}, warnings: []int{0}}},
		{"a Media needs no text", "<Message><Media>https://demo.twilio.com/owl.png</Media></Message>", judged{verbs: []string{"[media https://demo.twilio.com/owl.png]"}}},
		{"a Media and a Body", "<Message>\n<Body>Owl</Body>\n<Media>\n/owl.png\n</Media>\n</Message>", judged{verbs: []string{"Owl[media /owl.png]"}}},
		{"a Media beside text", "<Message>Owl<Media>/owl.png</Media></Message>", judged{verbs: []string{"Owl[media /owl.png]"}}},
		{"a Media without a URL is none", "<Message>Owl<Media/></Message>", judged{verbs: []string{"Owl"}, warnings: []int{0}}},
		{"to and from", `<Message to="+12025550143" from="+15005550006">Hello</Message>`, judged{verbs: []string{"Hello[to +12025550143][from +15005550006]"}}},
		{"a comment is ignored", "<!-- a --><Message>He<!-- b -->llo</Message>", judged{verbs: []string{"Hello"}}},
		{"a CDATA section is text", "<Message><![CDATA[a & b]]></Message>", judged{verbs: []string{"a & b"}}},
		{"the five entities and numbered characters are text", "<Message>&lt;&gt;&amp;&apos;&quot;&#65;&#x1F44D;</Message>", judged{verbs: []string{`<>&'"A👍`}}},
		{"a line break of Windows is a line feed", "<Message>a\r\nb\rc</Message>", judged{verbs: []string{"a\nb\nc"}}},
		{"a numbered carriage return is kept", "<Message>a&#13;b</Message>", judged{verbs: []string{"a\rb"}}},
		{"a Redirect goes on elsewhere, by POST", "<Redirect>https://demo.twilio.com/welcome/sms</Redirect>", judged{verbs: []string{"redirect https://demo.twilio.com/welcome/sms[method POST]"}}},
		{"a Redirect by GET, with white space around it", `<Redirect method="GET">` + "\n  ../next?a=1&amp;b=2\n" + `</Redirect>`, judged{verbs: []string{"redirect ../next?a=1&b=2[method GET]"}}},
		{"a Message before a Redirect goes out", "<Message>Hello</Message><Redirect>/next</Redirect>", judged{verbs: []string{"Hello", "redirect /next[method POST]"}}},
		{"what follows a Redirect is not reached", "<Redirect>/next</Redirect><Message>Hello</Message><Say>x</Say>", judged{verbs: []string{"redirect /next[method POST]"}, warnings: []int{0}}},
		{"white space behind a Redirect is not spoken of", "<Redirect>/next</Redirect>\n", judged{verbs: []string{"redirect /next[method POST]"}}},
		{"a Redirect without a URL asks for the same document, which is not certain", "<Redirect/>", judged{verbs: []string{"redirect [method POST]"}, warnings: []int{0}}},
		{"a Redirect by another method goes by POST, which is not certain", `<Redirect method="PUT">/next</Redirect>`, judged{verbs: []string{"redirect /next[method POST]"}, warnings: []int{14104}}},
		{"a Redirect with its method in small letters, with a warning", `<Redirect method="get">/next</Redirect>`, judged{verbs: []string{"redirect /next[method GET]"}, warnings: []int{14104}}},
		{"an action takes the flow over, by POST", `<Message action="/next">Hello</Message>`, judged{verbs: []string{"Hello[action /next][method POST]"}}},
		{"or by GET", `<Message action="/next" method="GET">Hello</Message>`, judged{verbs: []string{"Hello[action /next][method GET]"}}},
		{"what follows an action is not reached", `<Message action="/next">Hello</Message><Redirect>/other</Redirect>`, judged{verbs: []string{"Hello[action /next][method POST]"}, warnings: []int{0}}},
		{"an action of white space is none", `<Message action=" ">a</Message><Message>b</Message>`, judged{verbs: []string{"a", "b"}}},
		{"the action of a message that does not go out is not asked for, with a warning", `<Message action="/next"/><Message>a</Message>`, judged{errors: []int{14103}, warnings: []int{0, 0}}},
		{"nor if it does not for an attribute", `<Message action="/next" to="x">a</Message>`, judged{errors: []int{14101}, warnings: []int{0}}},
		{"an empty action is none", `<Message action="">a</Message><Message>b</Message>`, judged{verbs: []string{"a", "b"}}},
		{"a method without an action is allowed", `<Message method="GET">Hello</Message>`, judged{verbs: []string{"Hello"}}},
		{"an Sms is a message, and deprecated", "<Sms>Hello</Sms>", judged{verbs: []string{"Hello"}, warnings: []int{0}}},
		{"another verb is none for a message, and the rest goes out", "<Say>Hello</Say><Message>a</Message>", judged{verbs: []string{"a"}, errors: []int{14110}}},
		{"a verb in small letters is another", "<message>Hello</message>", judged{errors: []int{14110}}},
		{"a verb with a prefix is another", `<t:Message xmlns:t="https://example.com">Hello</t:Message>`, judged{errors: []int{14110}}},
		{"text in the Response goes nowhere", "Hello", judged{warnings: []int{12200}}},
		{"an unknown attribute is ignored", `<Message To="+12025550143">Hello</Message>`, judged{verbs: []string{"Hello"}, warnings: []int{12200}}},
		{"so it is of a Body", `<Message><Body lang="en">Hello</Body></Message>`, judged{verbs: []string{"Hello"}, warnings: []int{12200}}},
		{"and of a Redirect", `<Redirect to="x">/next</Redirect>`, judged{verbs: []string{"redirect /next[method POST]"}, warnings: []int{12200}}},
		{"attributes with a prefix are the schema's", `<Message xml:space="preserve">Hello</Message>`, judged{verbs: []string{"Hello"}}},
		{"an unknown element in a Message is left out", "<Message>He<b>ll</b>o</Message>", judged{verbs: []string{"Heo"}, warnings: []int{12200}}},
		{"no verb stands in a Message", "<Message>Hello<Redirect>/next</Redirect></Message>", judged{verbs: []string{"Hello"}, warnings: []int{12200}}},
		{"nor in a Body", "<Message><Body>Hel<i>x</i>lo</Body></Message>", judged{verbs: []string{"Hello"}, warnings: []int{12200}}},
		{"nor in a Redirect", "<Redirect>/next<b/></Redirect>", judged{verbs: []string{"redirect /next[method POST]"}, warnings: []int{12200}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.check(t, judgeText("text/xml", in(row.response)))
		})
	}
}

func TestMessagesThatDoNotGoOut(t *testing.T) {
	lost := func(code int) judged { return judged{verbs: []string{"next"}, errors: []int{code}} }
	for _, row := range []struct {
		name, message string
		want          judged
	}{
		{"one without text and media", "<Message/>", lost(14103)},
		{"one of white space", "<Message>\n  \n</Message>", lost(14103)},
		{"one with an empty Body", "<Message><Body/></Message>", lost(14103)},
		{"one with a Media that has no URL", "<Message><Media/></Message>", judged{verbs: []string{"next"}, errors: []int{14103}, warnings: []int{0}}},
		{"one of 1,601 characters", "<Message>" + strings.Repeat("a", 1601) + "</Message>", lost(14103)},
		{"one of 1,601 characters in two Bodies", "<Message><Body>" + strings.Repeat("a", 1600) + "</Body><Body>b</Body></Message>", lost(14103)},
		{"one of 1,601 characters with a Media", "<Message>" + strings.Repeat("é", 1601) + "<Media>/owl.png</Media></Message>", judged{verbs: []string{"next"}, errors: []int{14103}}},
		{"one to what is no number", `<Message to="customer">Hello</Message>`, lost(14101)},
		{"one from what is no sender", `<Message from="Owl &amp; Sons">Hello</Message>`, lost(14102)},
		{"one from a sender ID of 12 characters", `<Message from="OwlAndSons12">Hello</Message>`, lost(14102)},
		{"one from no digit", `<Message from="+">Hello</Message>`, lost(14102)},
		{"one with a method that is neither GET nor POST", `<Message method="PUT">Hello</Message>`, lost(14104)},
		{"one with a statusCallback that is no URL", `<Message statusCallback="http://">Hello</Message>`, lost(14105)},
		{"one with a statusCallback of another scheme", `<Message statusCallback="ftp://example.com/">Hello</Message>`, lost(14105)},
		{"one with an underscore in the host of its statusCallback", `<Message statusCallback="https://a_b.example.com/">Hello</Message>`, lost(14105)},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.check(t, judgeText("text/xml", in(row.message+"<Message>next</Message>")))
		})
	}
}

func TestMessagesThatGoOut(t *testing.T) {
	long := strings.Repeat("👍", 801)
	for _, row := range []struct {
		name, message string
		want          judged
	}{
		{"one of 1,600 characters", "<Message>" + strings.Repeat("a", 1600) + "</Message>", judged{verbs: []string{strings.Repeat("a", 1600)}}},
		{"one of 1,600 characters in two bytes each", "<Message>" + strings.Repeat("é", 1600) + "</Message>", judged{verbs: []string{strings.Repeat("é", 1600)}}},
		{"one of 801 characters in two units each, which is not certain", "<Message>" + long + "</Message>", judged{verbs: []string{long}, warnings: []int{14103}}},
		{"one to a number as it is written locally", `<Message to="(415) 555-1212">a</Message>`, judged{verbs: []string{"a[to (415) 555-1212]"}}},
		{"one to a SIM", `<Message to="DE00000000000000000000000000000000">a</Message>`, judged{verbs: []string{"a[to DE00000000000000000000000000000000]"}}},
		{"one to a channel", `<Message to="messenger:owl" from="whatsapp:+15005550006">a</Message>`, judged{verbs: []string{"a[to messenger:owl][from whatsapp:+15005550006]"}}},
		{"one from a sender ID of 11 characters", `<Message from="Owl And Son">a</Message>`, judged{verbs: []string{"a[from Owl And Son]"}}},
		{"one from a SIM", `<Message from="DE00000000000000000000000000000000">a</Message>`, judged{verbs: []string{"a[from DE00000000000000000000000000000000]"}}},
		{"one from a short code", `<Message from="12345">a</Message>`, judged{verbs: []string{"a[from 12345]"}}},
		{"one with empty addresses, which are taken for none", `<Message to="" from="">a</Message>`, judged{verbs: []string{"a"}, warnings: []int{0}}},
		{"one with a method in small letters, with a warning", `<Message action="/next" method="get">a</Message>`, judged{verbs: []string{"a[action /next][method GET]"}, warnings: []int{14104}}},
		{"one with a relative statusCallback", `<Message statusCallback="/status?a=1">a</Message>`, judged{verbs: []string{"a"}}},
		{"one with an absolute statusCallback", `<Message statusCallback="https://example.com/status">a</Message>`, judged{verbs: []string{"a"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.check(t, judgeText("text/xml", in(row.message)))
		})
	}
}

func TestAMessageHasAtMostTenMedia(t *testing.T) {
	medias := func(n int) string { return "<Message>" + strings.Repeat("<Media>/owl.png</Media>", n) + "</Message>" }
	ten := "[media " + strings.TrimSpace(strings.Repeat("/owl.png ", 10)) + "]"
	judged{verbs: []string{ten}}.check(t, judgeText("text/xml", in(medias(10))))
	judged{verbs: []string{ten}, warnings: []int{0}}.check(t, judgeText("text/xml", in(medias(11))))
}

func TestADocumentHasAtMostTenMessages(t *testing.T) {
	var messages strings.Builder
	var ten []string
	for i := range 10 {
		fmt.Fprintf(&messages, "<Message>%d</Message>", i)
		ten = append(ten, fmt.Sprint(i))
	}
	judged{verbs: ten}.check(t, judgeText("text/xml", in(messages.String())))
	judged{verbs: ten}.check(t, judgeText("text/xml", in(strings.Replace(messages.String(), "<Message>", "<Message >", 1))))
	more := messages.String() + "<Message>10</Message><Message>11</Message>"
	judged{verbs: ten, errors: []int{14109}}.check(t, judgeText("text/xml", in(more)))
	redirected := append(ten, "redirect /next[method POST]")
	judged{verbs: redirected, errors: []int{14109}}.check(t, judgeText("text/xml", in(more+"<Redirect>/next</Redirect>")))
	// One that does not go out is not counted.
	judged{verbs: ten, errors: []int{14103}}.check(t, judgeText("text/xml", in("<Message/>"+messages.String())))
}

func TestResponse(t *testing.T) {
	for _, row := range []struct {
		name, document string
		want           judged
	}{
		{"the root is Response", `<Response><Message>a</Message></Response>`, judged{verbs: []string{"a"}}},
		{"not response", `<response><Message>a</Message></response>`, judged{errors: []int{12102}, failed: true}},
		{"not a verb", `<Message>a</Message>`, judged{errors: []int{12102}, failed: true}},
		{"not a Response of another namespace", `<t:Response xmlns:t="https://example.com"/>`, judged{errors: []int{12102}, failed: true}},
		{"it may name the version of the API", `<Response version="2010-04-01"/>`, judged{}},
		{"and the one before", `<Response version="2008-08-01"/>`, judged{}},
		{"and no other", `<Response version="1.0"><Message>a</Message></Response>`, judged{errors: []int{12101}, failed: true}},
		{"other attributes are ignored", `<Response lang="en"><Message>a</Message></Response>`, judged{verbs: []string{"a"}, warnings: []int{12200}}},
		{"so is a namespace", `<Response xmlns="https://example.com"><Message>a</Message></Response>`, judged{verbs: []string{"a"}, warnings: []int{12200}}},
		{"the attributes of schemas are not spoken of", `<Response xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="a.xsd"/>`, judged{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.check(t, judgeText("text/xml", row.document))
		})
	}
}

func TestFindingsSayWhereAndWhat(t *testing.T) {
	for document, want := range map[string]string{
		"<?xml version=\"1.0\"?>\n<Response>\n<Message>a</Response>":         "line 3",
		"<?xml\nversion=\"1.0\"?>\n<Response>\n<Message>a & b</Response>":    "line 4",
		"<Response>\n\n<Say>a</Say></Response>":                              "line 3",
		"<?xml\nversion=\"1.0\"?>\n<Response>\n<Message to='x'/></Response>": "line 4",
		"<?xml\nversion=\"1.0\"?>\n<Response/>\n<Response/>":                 "line 4: <Response> is a second root element",
		"<?xml?><Response/>": "the XML declaration is not as it should be",
		"<Response>\n<Message\n>a<b>c</b></Message></Response>":                  "line 3",
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>\n</Response>\n!": "line 4",
	} {
		findings := judgeText("text/xml", document).findings
		if len(findings) == 0 || !strings.Contains(findings[0].Detail, want) {
			t.Errorf("%q: %v, want %s", document, findings, want)
		}
	}
}

// What a server sends is not repeated at length.
func TestFindingsAreShort(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, document := range []string{
		"<" + long + "/>", "<Response><" + long + "/></Response>", "</" + long + ">", "<" + long + "></" + long + "x>", "<1" + long + "/>",
		"<" + long, "<Response>&" + long + ";</Response>", `<Response version="` + long + `"/>`,
		`<Response><Message to="` + long + `">a</Message></Response>`, `<Response ` + long + `=""/>`,
	} {
		for _, f := range judgeText("text/xml", document).findings {
			if len(f.Detail) > 300 {
				t.Errorf("%.60s…: %d bytes", document, len(f.Detail))
			}
		}
	}
	if f := judgeText(long, "").findings[0]; len(f.Detail) > 300 {
		t.Errorf("a type of 10,000 bytes: %d bytes", len(f.Detail))
	}
}
