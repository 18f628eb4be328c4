package apikey

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// Who a key belongs to.
const (
	ownerMe      = "me"
	ownerService = "service"
)

// Choices of an expiry that are no length of time.
const (
	expiresDate  = "date"
	expiresNever = "never"
	expiresKeep  = "keep" // edit only: as it is
	dateFormat   = "2006-01-02"

	defaultExpiry = "90d"
)

// keyForm is the form of a key, as it is shown: what was typed, prefilled or stored,
// and what is wrong with it.
type keyForm struct {
	Name        string
	Purpose     string
	Environment string // slug; a new key only
	Owner       string // a new key only
	Scopes      []string
	Expires     string // a length of time, date, never or keep
	Date        string
	NeverReason string
	IPs         string
	Origins     string
	Rate        string // calls a minute
	RateNone    bool

	Nonce   string            // a new key only
	Version string            // edit only
	Errors  map[string]string // by name of the control
	Problem string            // about the form as a whole
}

// formFields are the controls in their order on the page, for the error summary.
var formFields = []string{"name", "purpose", "environment", "owner", "scopes", "expires", "expires_date", "never_reason", "ip_allow", "origins", "rate_limit", "password"}

// newKeyForm is the form of a new key before anybody touched it.
func newKeyForm(who account.Principal) keyForm {
	form := keyForm{Environment: who.Environment.Slug, Owner: ownerMe, Scopes: DefaultScopes.Strings(), Expires: defaultExpiry, Rate: strconv.Itoa(api.DefaultLimit), Nonce: newNonce()}
	lives := livesUpTo(who.Account.MaxKeyDays)
	if !slices.ContainsFunc(lives, func(l lifeChoice) bool { return l.value == form.Expires }) {
		form.Expires = lives[len(lives)-1].value
	}
	return form
}

// formOf is the form of a stored key.
func formOf(k Key) keyForm {
	f := keyForm{Name: k.Name, Purpose: k.Purpose, Scopes: k.Scopes.Strings(), Expires: expiresKeep, IPs: strings.ReplaceAll(networksText(k.IPAllow), " ", "\n"),
		Origins: strings.Join(k.Origins, "\n"), Version: versionOf(k), RateNone: k.Rate == nil}
	if k.Rate != nil {
		f.Rate = strconv.Itoa(*k.Rate)
	}
	return f
}

func versionOf(k Key) string { return strconv.FormatInt(k.UpdatedAt.UnixMicro(), 36) }

// readForm is the form as it was sent.
func readForm(r *http.Request) keyForm {
	get := func(name string) string { return strings.ToValidUTF8(r.PostFormValue(name), "") }
	return keyForm{
		Name: get("name"), Purpose: get("purpose"), Environment: get("environment"), Owner: get("owner"), Scopes: r.PostForm["scopes"], Expires: get("expires"),
		Date: get("expires_date"), NeverReason: get("never_reason"), IPs: get("ip_allow"), Origins: get("origins"), Rate: get("rate_limit"), RateNone: r.PostFormValue("rate_none") != "",
		Nonce: get("nonce"), Version: get("version"),
	}
}

// held are the ticked scopes as far as they are scopes.
func (f keyForm) held() account.Scopes {
	var held account.Scopes
	for _, text := range f.Scopes {
		if s, err := account.ParseScope(text); err == nil && !slices.Contains(held, s) {
			held = append(held, s)
		}
	}
	return held
}

// settings are the form's choices for the service, and what is wrong with them.
func (f keyForm) settings(now time.Time) (Settings, []errs.Field) {
	purpose, ips, origins, scopes := f.Purpose, splitLines(f.IPs), splitLines(f.Origins), f.Scopes
	if scopes == nil {
		scopes = []string{}
	}
	in := Settings{Name: &f.Name, Purpose: &purpose, Scopes: &scopes, IPAllow: &ips, Origins: &origins}
	var wrong []errs.Field
	bad := func(name, format string) {
		wrong = append(wrong, errs.Field{Pointer: "/" + name, Code: "invalid", Detail: format})
	}
	rate := strings.TrimSpace(f.Rate)
	switch {
	case f.RateNone:
		rate = "none"
	case rate == "":
		rate = strconv.Itoa(api.DefaultLimit)
	}
	in.Rate = &rate
	switch f.Expires {
	case expiresKeep:
	case expiresDate:
		day, err := time.Parse(dateFormat, strings.TrimSpace(f.Date))
		if err != nil {
			bad("expires_date", "Choose the last day on which the key works.")
			break
		}
		end := day.Add(24*time.Hour - time.Second)
		in.ExpiresAt = &end
		if !end.After(now) || end.Sub(now) > maxLife {
			bad("expires_date", "Choose a day from today on, within ten years.")
			in.ExpiresAt = nil
		}
	case expiresNever:
		in.ExpiresIn = &f.Expires
		reason := strings.TrimSpace(f.NeverReason)
		if reason == "" {
			bad("never_reason", "Please say why it never ends. The reason is kept with the key.")
			break
		}
		purpose = joinReason(purpose, reason)
		if utf8.RuneCountInString(purpose) > maxPurpose && utf8.RuneCountInString(f.Purpose) <= maxPurpose {
			bad("never_reason", "Purpose and reason together are too long; shorten one of them.")
			purpose = f.Purpose
		}
	default:
		if f.Expires == "" {
			f.Expires = defaultExpiry
		}
		in.ExpiresIn = &f.Expires
	}
	wrong = append(wrong, in.apply(&Key{}, now)...)
	return in, wrong
}

// joinReason keeps with the purpose why a key never ends, where everybody who meets
// the key reads it, and the audit log too.
func joinReason(purpose, reason string) string {
	reason = "Never ends: " + reason
	if purpose = strings.TrimSpace(purpose); purpose == "" {
		return reason
	}
	return strings.TrimRight(purpose, ".") + ". " + reason
}

// fail puts an error beside the controls it is about.
func (f *keyForm) fail(err error) {
	byField, problem := web.FieldErrors(err)
	f.Problem = problem
	f.Errors = map[string]string{}
	for name, text := range byField {
		switch name {
		case "expires_in", "expires_at", "not_before":
			name = "expires"
		}
		if !slices.Contains(formFields, name) {
			f.Problem = text
			continue
		}
		f.Errors[name] = text
	}
}

// summary lists what is wrong in the order of the page.
func (f keyForm) summary() []web.FieldError {
	var out []web.FieldError
	for _, name := range formFields {
		if text := f.Errors[name]; text != "" {
			out = append(out, web.FieldError{ID: name, Message: text})
		}
	}
	return out
}

// limited tells whether the fold with the limits has something to show.
func (f keyForm) limited() bool {
	return f.IPs != "" || f.Origins != "" || f.RateNone || f.Rate != strconv.Itoa(api.DefaultLimit) || f.Errors["ip_allow"] != "" || f.Errors["origins"] != "" || f.Errors["rate_limit"] != ""
}

// limitsNote is what the fold says while it is closed.
func (f keyForm) limitsNote() string {
	var parts []string
	if n := len(splitLines(f.IPs)); n > 0 {
		parts = append(parts, number(n, "address"))
	} else {
		parts = append(parts, "any address")
	}
	if n := len(splitLines(f.Origins)); n > 0 {
		parts = append(parts, number(n, "web origin"))
	} else {
		parts = append(parts, "no browsers")
	}
	if f.RateNone {
		return strings.Join(append(parts, "no rate limit"), " · ")
	}
	if n, err := strconv.Atoi(strings.TrimSpace(f.Rate)); err == nil {
		parts = append(parts, web.Count(n)+" a minute")
	}
	return strings.Join(parts, " · ")
}

// splitLines reads a list that people type: by lines, commas or spaces.
func splitLines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == '\n' || r == '\r' || r == ' ' || r == '\t' })
}

// expiryOption is one segment of the expiry.
type expiryOption struct {
	Value    string
	Label    string
	Sentence string
}

// lifeChoice is one length of life offered.
type lifeChoice struct{ value, label string }

var expiryLives = []lifeChoice{{"24h", "24 h"}, {"7d", "7 d"}, {"30d", "30 d"}, {defaultExpiry, "90 d"}, {"1y", "1 y"}}

// livesUpTo are the lengths of life that an account allows; nil: all.
func livesUpTo(most *int) []lifeChoice {
	if most == nil {
		return expiryLives
	}
	var out []lifeChoice
	for _, l := range expiryLives {
		if life, _, _ := ParseLife(l.value); days(life) <= *most {
			out = append(out, l)
		}
	}
	return out
}

// expiryOptions are the segments, each with the sentence it adds. stored is the key
// that is being edited; most is the longest life in days that the account allows.
func (f keyForm) expiryOptions(now time.Time, stored *Key, most *int) []expiryOption {
	var out []expiryOption
	if stored != nil {
		keep := expiryOption{expiresKeep, "Keep: never ends", "Never ends."}
		if e := stored.ExpiresAt; e != nil {
			keep = expiryOption{expiresKeep, "Keep " + dayText(*e), endSentence(*e, now)}
		}
		out = append(out, keep)
	}
	for _, l := range livesUpTo(most) {
		life, _, _ := ParseLife(l.value)
		out = append(out, expiryOption{l.value, l.label, endSentence(now.Add(life), now)})
	}
	date := expiryOption{expiresDate, "Date", "Ends on a date you choose."}
	if day, err := time.Parse(dateFormat, f.Date); err == nil {
		date.Sentence = endSentence(day.Add(24*time.Hour-time.Second), now)
	}
	out = append(out, date)
	if most != nil {
		return out
	}
	return append(out, expiryOption{expiresNever, "Never", "Never ends."})
}

func endSentence(t, now time.Time) string {
	switch {
	case !t.After(now):
		return "Ended on " + dayText(t) + "."
	case t.Sub(now) <= 48*time.Hour:
		return "Ends " + momentText(t) + "."
	}
	return "Ends " + t.UTC().Format("Mon 2 Jan 2006") + "."
}
