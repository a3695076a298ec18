package devphone

import (
	"crypto/subtle"
	"net"
	"net/http"
	"strings"

	"smsession/internal/hostname"
)

// isLocal reports whether a client on this host opens the page at localhost or at a loopback address. Any client can
// send any Host, so the client's address is checked, too. Ports are ignored.
func isLocal(r *http.Request) bool {
	name := hostname.Of(r.Host)
	return (name == "localhost" || hostname.IsLoopbackIP(name)) && hostname.IsLoopbackIP(hostname.Of(r.RemoteAddr))
}

// needsToken reports whether a request needs Options.Token. A name that an attacker lets DNS resolve to this host needs
// it, too, and the browser has no cookie for that name. The picture of the button MMS is not secret: programs that have
// no token may request it.
func needsToken(r *http.Request) bool { return !isLocal(r) && r.URL.Path != "/dev/picture.png" }

// hasToken reports whether a request has Options.Token in its cookie, or as `Authorization: Bearer`.
func (p *Page) hasToken(r *http.Request) bool {
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") && p.isToken(credentials) {
		return true
	}
	cookie, err := r.Cookie(cookieName(r))
	return err == nil && p.isToken(cookie.Value)
}

// isEntry reports whether a request opens the page with the address that has the token.
func (p *Page) isEntry(r *http.Request) bool {
	return r.URL.Path == "/" && p.isToken(r.URL.Query().Get("token"))
}

// enter sets the cookie that replaces the token in the address, and leads to the address without the token. The token
// is then not in the browser's history. A link to the page from a chat or a mail comes from another site, and so does
// the request after it: with SameSite=Strict, that request would have no cookie. With Lax, no other request from
// another site has it.
func enter(w http.ResponseWriter, r *http.Request, token string) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// cookieName returns the name of the cookie with the token. It contains the port in the Host, because browsers send a
// cookie to all ports of a host, and each port may be another `smsession dev`.
func cookieName(r *http.Request) string {
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		port = "80"
	}
	return "smsession-dev-" + port
}

func (p *Page) isToken(text string) bool {
	return p.Token != "" && subtle.ConstantTimeCompare([]byte(text), []byte(p.Token)) == 1
}
