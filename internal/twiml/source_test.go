package twiml

import "testing"

func TestSource(t *testing.T) {
	const root = `<Response><!--a--><Message to="+1"> b<Media/></Message ><Redirect>/c</Redirect></Response>`
	for _, row := range []struct{ name, body, source string }{
		{"a document without a declaration is kept", root, root},
		{"a declaration, its line feeds and a document type are kept",
			"<?xml\nversion='1.0'\n?>\n<!DOCTYPE Response>\r\n" + root + "<!-- -->\n",
			"<?xml\nversion='1.0'\n?>\n<!DOCTYPE Response>\r\n" + root + "<!-- -->\n"},
		{"a byte order mark is dropped", "\uFEFF" + root, root},
		{"another encoding becomes UTF-8", "<?xml version=\"1.0\"\nencoding=\"ISO-8859-1\"?><!--\xe9-->" + root,
			`<?xml version="1.0" encoding="UTF-8"?>` + "\n<!--é-->" + root},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := Read([]byte(row.body))
			if d.Failure != nil || string(d.Source) != row.source {
				t.Fatalf("the source is %q, %v", d.Source, d.Failure)
			}
			of := func(e *Element) [2]string {
				return [2]string{string(d.Source[e.Start:e.End]), string(d.Source[e.Content:e.ContentEnd])}
			}
			message, redirect := d.Root.Children[0], d.Root.Children[1]
			for e, want := range map[*Element][2]string{
				d.Root:              {root, root[len("<Response>") : len(root)-len("</Response>")]},
				message:             {`<Message to="+1"> b<Media/></Message >`, ` b<Media/>`},
				message.Children[0]: {`<Media/>`, ``},
				redirect:            {`<Redirect>/c</Redirect>`, `/c`},
			} {
				if got := of(e); got != want {
					t.Errorf("the %s and its content are %q, want %q", e.Name, got, want)
				}
			}
		})
	}
}
