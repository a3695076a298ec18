package phone

import (
	"fmt"
	"net/http"
	"strings"
)

// mostRedirects is the most that are followed in a row. Twilio has a bound (11215), and does not say which.
const mostRedirects = 10

// follow returns where a redirect leads. Twilio follows 301, 302, 303 and 307 and nothing else in the 300s
// (https://www.twilio.com/docs/api/errors/11216), and says that it follows a 301 or 302 with GET and drops the
// parameters. The rest is not confirmed, which is said in a warning: what is signed is the new URL, here.
func (s *sending) follow(e errand, a answer) (errand, *failure) {
	switch a.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		e.method, e.form = http.MethodGet, nil
		s.warn(e.to.url, fmt.Sprintf("Twilio follows %d with GET and drops the message's parameters. "+
			"What it signs then and which cookies it sends is not confirmed.", a.status))
	case http.StatusTemporaryRedirect:
		s.warn(e.to.url, "That Twilio sends the same request again after 307, signed over the new URL, is not confirmed.")
	default:
		return e, &failure{code: 11216, detail: fmt.Sprintf("The server answered %d, which Twilio does not follow.", a.status)}
	}
	location, _, _ := strings.Cut(a.header.Get("Location"), "#")
	if location == "" {
		return e, &failure{code: 11216, detail: fmt.Sprintf("The server answered %d without a Location.", a.status)}
	}
	next, err := e.to.next(location)
	if err != nil {
		return e, &failure{code: 11216, detail: "The Location cannot be used: " + err.Error() + "."}
	}
	if refused := s.leave(next); refused != nil {
		return e, refused
	}
	next.overrides = e.to.overrides
	next.at.sni = e.to.at.sni
	e.to, e.reason = next, Redirected
	return e, nil
}

// leave asks whether a request may go to a server that is not in the options. It returns a failure if not, and the
// delivery then ends. Nothing is sent to the fallback URL either, because it is not known what Twilio would have
// received.
func (s *sending) leave(to *site) *failure {
	p := s.phone
	if to.sameServer(p.webhook) || p.fallback != nil && to.sameServer(p.fallback) {
		return nil
	}
	server := to.server()
	if p.options.Follow != nil && p.options.Follow(server) {
		return nil
	}
	s.delivery.NotFollowed = server
	return &failure{detail: fmt.Sprintf("The webhook leads to another server, %+q. Twilio would follow with a signature and the cookies; this phone did not.", server)}
}

func tooManyRedirects() *failure {
	return &failure{code: 11215, detail: fmt.Sprintf("There were more than %d redirects in a row.", mostRedirects)}
}
