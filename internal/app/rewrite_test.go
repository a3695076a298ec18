package app_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"smsession/internal/app"
	"smsession/internal/conversation"
)

func TestRewrite(t *testing.T) {
	const base = "https://bot.example.com"
	for _, row := range []struct{ name, document, want string }{
		{"an absolute URL is kept", response(`<Message action="http://a.example/b?c&amp;d"/>`), ""},
		{"another scheme is kept", response(`<Message statusCallback='mailto:a'><Media>data:,x</Media></Message>`), ""},
		{"a relative action is resolved", response(`<Message action="next"/>`), response(`<Message action="` + base + `/a/next"/>`)},
		{"a callback from the root is resolved", response(`<Message statusCallback = '/s?a=1&amp;b=2' to="+1">x</Message>`), response(`<Message statusCallback = '` + base + `/s?a=1&amp;b=2' to="+1">x</Message>`)},
		{"both attributes are resolved in any order", response("<Message\nstatusCallback=\"s\"\taction='/a'>x</Message>"), response("<Message\nstatusCallback=\"" + base + "/a/s\"\taction='" + base + "/a'>x</Message>")},
		{"a > in an attribute is no end of the tag", response(`<Sms from="a>b" action="n">x</Sms>`), response(`<Sms from="a>b" action="` + base + `/a/n">x</Sms>`)},
		{"attributes with a prefix are kept", response(`<Message x:action="n" xml:space="preserve">x</Message>`), ""},
		{"an empty attribute is kept", response(`<Message action="" statusCallback=" ">x</Message>`), ""},
		{"relative Media are resolved", response("<Message>a<Media> cat.jpg\n</Media><Media><![CDATA[/b&c]]></Media></Message>"), response("<Message>a<Media>" + base + "/a/cat.jpg</Media><Media>" + base + "/b&amp;c</Media></Message>")},
		{"Media without a scheme get one", response("<Message><Media>//cdn.example/a</Media></Message>"), response("<Message><Media>https://cdn.example/a</Media></Message>")},
		{"absolute Media keep their white space", response("<Message><Media> https://cdn.example/a </Media></Message>"), ""},
		{"a Redirect to another server is passed on", response(`<Message>x</Message><Redirect method="GET">https://other.example/a</Redirect>`), ""},
		{"a Redirect to another port is passed on", response(`<Redirect>https://bot.example.com:8443/a</Redirect>`), ""},
		{"a Redirect without a scheme is passed on absolute", response(`<Redirect>//other.example/a</Redirect>`), response(`<Redirect>https://other.example/a</Redirect>`)},
		{"a Redirect after an action is not followed", response(`<Message action="/n">x</Message><Redirect>/a</Redirect>`), response(`<Message action="` + base + `/n">x</Message><Redirect>` + base + `/a</Redirect>`)},
		{"other verbs are kept", response(`<Say action="x"><Media>a</Media></Say><message action="x"/>`), ""},
		{"a reference that is not a URL is kept", response(`<Message action="http://[">x</Message>`), ""},
		{"comments, instructions and white space are kept", "<?xml version='1.0'?>\r\n<!-- a --><?a b?>\n<Response\n>\n <!-- <Message action=\"x\"/> --><Message >é&#233;\r</Message >\n</Response>\n<!-- b -->\n", ""},
		{"no declaration is added", "<Response><Message>x</Message></Response>", ""},
		{"another encoding becomes UTF-8", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Response><Message action=\"n\">\xe9</Message></Response>", declaration + `<Response><Message action="` + base + `/a/n">é</Message></Response>`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t, answers(200, "text/xml", row.document))
			k := newKit(t, s.URL+"/a/sms", publicURL(base+"/a/sms"))
			if row.want == "" {
				row.want = row.document
			}
			if _, got := k.respond(t, conversation.State{}, newMessage("hello")); got != row.want {
				t.Errorf("the document is\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}

func TestJoin(t *testing.T) {
	for _, row := range []struct{ name, first, contentType, second, want string }{
		{"messages are joined", "\n<Message>a</Message> ", "text/xml", "<Response> <Message>b</Message>\n</Response>", response("\n<Message>a</Message>  <Message>b</Message>\n")},
		{"each document resolves its own URLs", `<Message action=""><Media>x</Media></Message>`, "text/xml", "<Response><Message><Media>x</Media></Message></Response>", response(`<Message action=""><Media>https://bot.example.com/x</Media></Message><Message><Media>https://bot.example.com/next/x</Media></Message>`)},
		{"a text is the last message", "<Message>a</Message>", "text/plain", "1 < 2", response("<Message>a</Message><Message>1 &lt; 2</Message>")},
		{"an empty answer adds nothing", "<Message>a</Message>", "", "", response("<Message>a</Message>")},
		{"nothing and nothing is no reply", "", "", "", ""},
		{"the last Redirect is passed on", "<Message>a</Message>", "text/xml", "<Response><Redirect>https://other.example/</Redirect></Response>", response("<Message>a</Message><Redirect>https://other.example/</Redirect>")},
		{"the namespaces of each document are declared", "<Message>a</Message>", "text/xml", `<Response xmlns:b='c&amp;"' xmlns="d" e="f"><b:g/></Response>`, declaration + `<Response xmlns:b="c&amp;&#34;"><Message>a</Message><b:g/></Response>`},
		{"an empty Response adds nothing", "<Message>a</Message>", "text/xml", "<Response/>", response("<Message>a</Message>")},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/sms" {
					first := row.first + "<Redirect>/next/b</Redirect><Message>never</Message>"
					answers(200, "text/xml", response(first))(w, r)
					return
				}
				answers(200, row.contentType, row.second)(w, r)
			})
			k := newKit(t, s.URL+"/sms", publicURL("https://bot.example.com/sms"))
			if _, got := k.respond(t, conversation.State{}, newMessage("hello")); got != row.want {
				t.Errorf("the document is\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}

// withDocument is an answer with a document, up to the document.
const withDocument = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n"

// FuzzRewrite checks that a document with relative URLs stays a document with the same elements, texts and attributes,
// except for these URLs. encoding/xml is an independent reader.
func FuzzRewrite(f *testing.F) {
	f.Add(`<Message action="a" to='+1'>x<Media>b</Media></Message>`)
	f.Add("<Sms\n statusCallback\r= '/a&amp;b' >&lt;<![CDATA[<]]></Sms ><Redirect>//x</Redirect>")
	f.Add("<Message a='action=\"' action = \"x>y\"><Body>a</Body><Media><!-- a -->b<c/></Media></Message>")
	var document string
	k := newKit(f, exchangeAddress, func(o *app.Options) {
		publicURL("https://bot.example.com/a/sms")(o)
		o.Observe = nil
	})
	app.Connect(f, k.App, func([]byte) string { return withDocument + document })
	f.Fuzz(func(t *testing.T, content string) {
		if strings.Contains(content, "<Redirect") { // which is followed
			return
		}
		document = "<Response>" + content + "</Response>"
		_, reply, err := k.Respond(t.Context(), conversation.State{}, newMessage("hello"))
		if err != nil {
			return
		}
		got, want := outline(t, reply.TwiML), outline(t, document)
		if !slices.Equal(got, want) {
			t.Fatalf("%q becomes %q\n%q\n%q", document, reply.TwiML, want, got)
		}
	})
}

// outline returns the elements, the texts and the attributes of a document without the values that Rewrite may change.
func outline(t *testing.T, document string) []string {
	t.Helper()
	var all []string
	inMedia := 0
	decoder := xml.NewDecoder(strings.NewReader(document))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return all
		} else if err != nil {
			t.Fatalf("%q is not XML: %v", document, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "Media" || inMedia > 0 {
				inMedia++
			}
			if inMedia > 1 {
				continue
			}
			all = append(all, "<"+token.Name.Local)
			for _, a := range token.Attr {
				if a.Name.Local != "action" && a.Name.Local != "statusCallback" {
					a.Name.Local += "=" + a.Value
				}
				all = append(all, a.Name.Local)
			}
		case xml.EndElement:
			if inMedia > 0 {
				inMedia--
			}
			if inMedia > 0 {
				continue
			}
			all = append(all, "/"+token.Name.Local)
		case xml.CharData:
			if inMedia == 0 {
				all = append(all, string(token))
			}
		}
	}
}

// FuzzJoin checks that the first document without its Redirect, and then the second one, are what is sent.
func FuzzJoin(f *testing.F) {
	f.Add("<Message>a</Message> ", "<Message>b</Message>")
	f.Add("<!-- <Redirect/> --><Sms>&lt;</Sms><![CDATA[<Redirect/>]]>", "<Message><Body> b</Body></Message>x")
	f.Add("<a:b xmlns:a='c'/>é", "<?x y?>\r\n")
	documents := map[bool]string{}
	k := newKit(f, exchangeAddress, func(o *app.Options) { o.Observe = nil })
	app.Connect(f, k.App, func(request []byte) string {
		return withDocument + documents[bytes.HasPrefix(request, []byte("POST /next "))]
	})
	f.Fuzz(func(t *testing.T, first, second string) {
		if content := first + second; strings.Contains(content, "action") || strings.Contains(content, "Redirect>") {
			return // the first document may then be the last one
		}
		documents[false] = "<Response>" + first + "<Redirect>/next</Redirect><Message>never</Message></Response>"
		documents[true] = "<Response>" + second + "</Response>"
		_, reply, err := k.Respond(t.Context(), conversation.State{}, newMessage("hello"))
		if err != nil || reply.TwiML == "" {
			return
		}
		got, want := outline(t, reply.TwiML), outline(t, "<Response>"+first+second+"</Response>")
		if !slices.Equal(got, want) {
			t.Fatalf("%q and %q become %q", first, second, reply.TwiML)
		}
	})
}
