package devphone_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// picture is a PNG of one pixel.
var picture = func() []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))) // writing to memory does not fail
	return b.Bytes()
}()

// files serves a file of every kind. It records the headers of the last request.
func files(tb testing.TB) (url string, last *http.Header) {
	last = new(http.Header)
	mux := http.NewServeMux()
	serve := func(path, contentType string, body []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			*last = r.Header
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(body)
		})
	}
	serve("/a.png", "image/png", picture)
	serve("/untyped", "application/octet-stream", picture)
	serve("/page.png", "image/png", []byte("<!doctype html><script>alert(1)</script>"))
	serve("/a.svg", "image/svg+xml", []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`))
	serve("/secret.json", "application/json", []byte(`{"token":"s3cret"}`))
	serve("/huge.png", "image/png", append(bytes.Clone(picture), make([]byte, 5<<20)...))
	srv := httptest.NewServer(mux)
	tb.Cleanup(srv.Close)
	return srv.URL, last
}

func TestPicture(t *testing.T) {
	s := newService(t)
	host, last := files(t)
	for _, row := range []struct {
		name, url string
		want      int
	}{
		{"a picture is returned", host + "/a.png", 200},
		{"a picture without its type is returned", host + "/untyped", 200},
		{"a picture of the page is returned", s.url + "/dev/picture.png", 200},
		{"a web page that says that it is a picture is refused", host + "/page.png", 400},
		{"a picture that can load other files is refused", host + "/a.svg", 400},
		{"another file of the network is refused", host + "/secret.json", 400},
		{"more than 5 MB are refused", host + "/huge.png", 400},
		{"a missing file is refused", host + "/missing", 400},
		{"a host that does not answer is refused", "http://127.0.0.1:1/a.png", 400},
		{"a file of this host is refused", "file:///etc/passwd", 400},
		{"a script is refused", "javascript:alert(1)", 400},
		{"a path is refused", "/dev/picture.png", 400},
		{"an empty URL is refused", "", 400},
		{"a URL of 2,001 characters is refused", host + "/" + strings.Repeat("x", 2000-len(host)), 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got struct {
				Type string
				Data []byte
			}
			in, _ := json.Marshal(map[string]string{"url": row.url})
			if status := s.post("/dev/picture", string(in), &got); status != row.want {
				t.Errorf("the status is %d, want %d", status, row.want)
			}
			if row.want == 200 && (got.Type != "image/png" || len(got.Data) == 0) {
				t.Errorf("the picture is %s with %d bytes", got.Type, len(got.Data))
			}
		})
	}
	if (*last)["Cookie"] != nil || (*last)["Referer"] != nil || (*last)["Authorization"] != nil {
		t.Errorf("the request for a picture has the headers %v", *last)
	}
}

func TestMediaOfTheUser(t *testing.T) {
	s := newService(t)
	send := func(media string) (status int) {
		in, _ := json.Marshal(map[string]string{"phone": from, "kind": "mms", "body": "look", "media": media})
		return s.post("/dev/act", string(in), nil)
	}
	for media, want := range map[string]string{
		"http://127.0.0.1:1/a.gif?size=2":   "MediaContentType0=image%2Fgif",
		"https://media.example.com/picture": "MediaContentType0=image%2Fjpeg",
	} {
		if status := send(media); status != 200 {
			t.Fatalf("an MMS is answered %d", status)
		}
		d := s.phones()[0]
		x := s.exchanges("1", d.Entries[len(d.Entries)-1])[0]
		if !x.signed(x.URL) || !strings.Contains(x.RequestBody, want) ||
			!strings.Contains(x.RequestBody, "NumMedia=1") {
			t.Errorf("the MMS with %s is sent as %s", media, x.RequestBody)
		}
	}
	if status := send("file:///etc/passwd"); status != 400 {
		t.Errorf("an MMS with a file is answered %d", status)
	}
}

// The numbers are those of Twilio's calculator: see TestSplit of package gsm.
func TestSegments(t *testing.T) {
	s := newService(t)
	for text, want := range map[string]string{
		"":                        "0 GSM-7 1",
		strings.Repeat("x", 160):  "160 GSM-7 1",
		strings.Repeat("x", 1700): "1700 GSM-7 12",
		"it’s":                    "4 UCS-2 1",
		"שלום":                    "4 UCS-2 1",
	} {
		var got struct {
			Characters int
			Segments   struct {
				Encoding string
				Count    int
			}
		}
		in, _ := json.Marshal(map[string]string{"body": text})
		if status := s.post("/dev/segments", string(in), &got); status != 200 {
			t.Fatalf("/dev/segments is answered %d", status)
		}
		shown := fmt.Sprint(got.Characters, " ", got.Segments.Encoding, " ", got.Segments.Count)
		if shown != want {
			t.Errorf("%.10q has %s, want %s", text, shown, want)
		}
	}
}
