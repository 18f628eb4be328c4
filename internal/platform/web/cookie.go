package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// The session cookie. Over HTTPS and on loopback it has the __Host- prefix, which
// binds it to this host and to encryption; plain HTTP elsewhere has to be allowed by
// the operator, and then the cookie has another name and a shorter life.
const (
	cookieName      = "__Host-leadflip"
	plainCookieName = "leadflip-plain"

	cookieLife = 30 * 24 * time.Hour
	// PlainLife is how long a login counts where it travels unencrypted.
	PlainLife = 12 * time.Hour
)

// Secure tells whether this request came over HTTPS or over loopback.
func Secure(r *http.Request) bool {
	req := httpd.From(r.Context())
	return req.HTTPS || req.IP.IsLoopback() && loopbackHost(r.Host)
}

func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// SetSession gives the browser its login.
func SetSession(w http.ResponseWriter, r *http.Request, token string) {
	name, life := cookieName, cookieLife
	if !Secure(r) {
		name, life = plainCookieName, PlainLife
	}
	http.SetCookie(w, &http.Cookie{Name: name, Value: token, Path: "/", MaxAge: int(life.Seconds()), Secure: Secure(r), HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// SessionToken reads the login of a request, "" when there is none.
func SessionToken(r *http.Request) string {
	name := cookieName
	if !Secure(r) {
		name = plainCookieName
	}
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// ClearSession takes the login away.
func ClearSession(w http.ResponseWriter, r *http.Request) {
	name := cookieName
	if !Secure(r) {
		name = plainCookieName
	}
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: Secure(r), HttpOnly: true, SameSite: http.SameSiteLaxMode})
}
