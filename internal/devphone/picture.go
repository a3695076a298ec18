package devphone

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"smsession/internal/phone"
)

const (
	maxURL         = 2000            // characters
	maxPicture     = 5 << 20         // bytes; Twilio accepts media of 5 MB
	pictureTimeout = 5 * time.Second // for the whole response
)

// pictureTypes are the types that the page shows. SVG is not among them, because it can load other files.
var pictureTypes = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// attachment returns the attachment with a URL. Its type follows from the extension. Twilio knows it from the content.
func attachment(raw string) ([]phone.Media, error) {
	u, err := parsePictureURL(raw)
	if err != nil {
		return nil, err
	}
	contentType, _, _ := mime.ParseMediaType(mime.TypeByExtension(path.Ext(u.Path)))
	if contentType == "" {
		contentType = "image/jpeg"
	}
	return []phone.Media{{URL: raw, ContentType: contentType}}, nil
}

// parsePictureURL parses an absolute URL. The error is badURL.
func parsePictureURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > maxURL || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, badURL
	}
	return u, nil
}

// picture returns the type and the bytes of a picture. The browser must not request pictures itself, because messages
// from elsewhere and replies have URLs, too, and because the policy would have to allow every host. This service
// requests a URL only if the person asks for it. It sends no cookies, and returns nothing but pictures, so that the
// page cannot read other things from this host's network.
func (p *Page) picture(ctx context.Context, in request) (any, error) {
	u, err := parsePictureURL(in.URL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pictureTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, badURL
	}
	r.Header.Set("Accept", strings.Join(pictureTypes, ", "))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}}
	res, err := client.Do(r)
	if err != nil {
		return nil, notReachable
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxPicture+1))
	kind := http.DetectContentType(data) // not what the host says
	if err != nil || res.StatusCode != http.StatusOK || len(data) > maxPicture || !slices.Contains(pictureTypes, kind) {
		return nil, noPicture
	}
	return map[string]any{"type": kind, "data": data}, nil
}
