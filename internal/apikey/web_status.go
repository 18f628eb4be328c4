package apikey

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/platform/web"
)

// statusView is everything the pages say about one status: the chip, one sentence
// that explains it, and the one button that helps.
type statusView struct {
	name     string // in the filter
	tone     web.Tone
	icon     string
	label    func(r Row, now time.Time) string
	sentence func(r Row, now time.Time) string
	action   func(r Row, list string) statusAction
}

// statusAction is the button: a link, or a form that posts.
type statusAction struct {
	Label string
	Href  string
	Post  string
}

// chip is one status of one key, ready to be shown.
type chip struct {
	Status   Status
	Tone     web.Tone
	Icon     string
	Label    string
	Sentence string
	Action   statusAction
}

// statusOrder is the order of Status in the filter: the most pressing first.
var statusOrder = []Status{Exposed, Rejections, RateLimited, Expiring, Rotating, Idle, NeverUsed, Disabled, Active, Expired, StatusRevoked}

// statusViews has an entry for every Status.
var statusViews = map[Status]statusView{
	StatusRevoked: {"Revoked", web.Muted, "ban", always("Revoked"), revokedSentence, makeAnother},
	Expired:       {"Expired", web.Muted, "clock", always("Expired"), expiredSentence, expiredAction},
	Exposed:       {"Exposed", web.Bad, "shield", always("Exposed"), exposedSentence, exposedAction},
	Disabled:      {"Disabled", web.Neutral, "pause", disabledLabel, disabledSentence, disabledAction},
	Rejections: {"Many rejections", web.Bad, "warning",
		func(r Row, _ time.Time) string { return "Rejections " + share(r.Last7d.ClientErrors, r.Last7d.Total()) },
		func(r Row, _ time.Time) string {
			return fmt.Sprintf("%s of %s calls in the last 7 days were refused as wrong. The request ids say why.", web.Count(r.Last7d.ClientErrors), web.Count(r.Last7d.Total()))
		},
		func(r Row, list string) statusAction {
			return statusAction{Label: "See the calls", Href: keyPath(list, r.Key) + "#calls"}
		}},
	RateLimited: {"Rate-limited", web.Warn, "bolt",
		func(r Row, _ time.Time) string { return "Rate-limited " + share(r.Last7d.Limited, r.Last7d.Total()) },
		func(r Row, _ time.Time) string {
			return fmt.Sprintf("%s of %s calls in the last 7 days came faster than the limit of %s allows.", web.Count(r.Last7d.Limited), web.Count(r.Last7d.Total()), limitText(r.Rate))
		},
		func(r Row, list string) statusAction {
			return statusAction{Label: "Change the limit", Href: keyPath(list, r.Key) + "/edit?open=limits#rate_limit"}
		}},
	Rotating: {"Rotating", web.Info, "rotate", rotatingLabel, rotatingSentence, rotatingAction},
	Expiring: {"Expiring", web.Warn, "clock",
		func(r Row, now time.Time) string { return "Ends " + within(*r.ExpiresAt, now) },
		func(r Row, now time.Time) string {
			return fmt.Sprintf("Stops working on %s (%s). Rotate it and both keys work while you switch.", dayText(*r.ExpiresAt), within(*r.ExpiresAt, now))
		},
		func(r Row, list string) statusAction {
			return statusAction{Label: "Rotate", Href: keyPath(list, r.Key) + "/rotate"}
		}},
	Idle: {"Idle", web.Muted, "moon",
		func(r Row, now time.Time) string { return fmt.Sprintf("Idle %d d", days(now.Sub(r.LastUse.At))) },
		func(r Row, now time.Time) string {
			return fmt.Sprintf("Not used for %d days. If nothing needs it any more, disable it; you can enable it again.", days(now.Sub(r.LastUse.At)))
		},
		func(r Row, list string) statusAction {
			return statusAction{Label: "Disable", Post: keyPath(list, r.Key) + "/disable"}
		}},
	NeverUsed: {"Never used", web.Neutral, "info", always("Never used"), neverUsedSentence,
		func(r Row, list string) statusAction {
			return statusAction{Label: "Show a first call", Href: keyPath(list, r.Key) + "#try"}
		}},
	Active: {"Active", web.Good, "check-circle", always("Active"),
		always("It works, and nothing about it needs your attention."),
		func(r Row, list string) statusAction {
			return statusAction{Label: "See its use", Href: keyPath(list, r.Key)}
		}},
}

// chips are all statuses of a row, the most pressing first. Who may not change keys
// gets no buttons.
func chips(r Row, now time.Time, list string, may bool) []chip {
	out := make([]chip, 0, len(r.Statuses))
	for _, s := range r.Statuses {
		v := statusViews[s]
		c := chip{Status: s, Tone: v.tone, Icon: v.icon, Label: v.label(r, now), Sentence: v.sentence(r, now)}
		if may {
			c.Action = v.action(r, list)
		}
		out = append(out, c)
	}
	return out
}

func always(text string) func(Row, time.Time) string {
	return func(Row, time.Time) string { return text }
}

func keyPath(list string, k Key) string { return list + "/" + k.ID.String() }

func makeAnother(r Row, list string) statusAction {
	if !r.ReplacedBy.IsNil() {
		return statusAction{Label: "Open the new key", Href: list + "/" + r.ReplacedBy.String()}
	}
	q := url.Values{"name": {r.Name}, "scopes": {strings.Join(r.Scopes.Strings(), ",")}}
	return statusAction{Label: "Make one like it", Href: list + "/new?" + q.Encode()}
}

func revokedSentence(r Row, _ time.Time) string {
	on := dayText(*r.RevokedAt)
	switch r.RevokedWhy {
	case ByRotate:
		return "Replaced by rotation and ended on " + on + ". It can never work again."
	case ByExposed:
		return "Revoked on " + on + " by this account's policy, because it was exposed. It can never work again."
	}
	return "Revoked on " + on + ". It can never work again."
}

func expiredSentence(r Row, _ time.Time) string {
	if !r.ReplacedBy.IsNil() {
		return "Replaced by rotation; its overlap ended on " + dayText(*r.ExpiresAt) + "."
	}
	return "Ended on " + dayText(*r.ExpiresAt) + ". A later end makes the same key work again."
}

func expiredAction(r Row, list string) statusAction {
	if !r.ReplacedBy.IsNil() {
		return makeAnother(r, list)
	}
	return statusAction{Label: "Choose a new end", Href: keyPath(list, r.Key) + "/edit#expires"}
}

// exposedPlaces says in words where a key was seen.
var exposedPlaces = map[string]string{
	"query":      "in a web address",
	"path":       "in a web address",
	"header":     "in a wrong header",
	"cookie":     "in a cookie",
	"body":       "in the body of a request",
	"plain_http": "over plain HTTP, where others can read it",
	"reported":   "in public, by somebody who reported it",
}

func exposedPlace(where string) string {
	if text, ok := exposedPlaces[where]; ok {
		return text
	}
	return "where it can leak"
}

func exposedSentence(r Row, now time.Time) string {
	text := "Seen " + exposedPlace(r.ExposedWhere) + " on " + dayText(*r.ExposedAt) + "."
	if r.Ended(now) {
		return text + " It does not work any more."
	}
	return text + " Others may know it: rotate it, or revoke it."
}

func exposedAction(r Row, list string) statusAction {
	if r.RevokedAt != nil || r.DisabledAt != nil {
		return statusAction{Label: "See what happened", Href: keyPath(list, r.Key) + "#audit"}
	}
	return statusAction{Label: "Rotate", Href: keyPath(list, r.Key) + "/rotate"}
}

func disabledLabel(r Row, _ time.Time) string {
	if r.ownerGone() {
		return "Owner has no access"
	}
	return "Disabled"
}

func disabledSentence(r Row, _ time.Time) string {
	if r.ownerGone() {
		return r.CreatedByName + " has no access to the account at the moment, so this personal key does not work. A service account's key goes on."
	}
	return "Switched off on " + dayText(*r.DisabledAt) + ". Its calls are answered with 401 until somebody enables it."
}

func disabledAction(r Row, list string) statusAction {
	if r.ownerGone() {
		q := url.Values{"owner": {ownerService}, "scopes": {strings.Join(r.Scopes.Strings(), ",")}}
		return statusAction{Label: "Make one for a service account", Href: list + "/new?" + q.Encode()}
	}
	return statusAction{Label: "Enable", Post: keyPath(list, r.Key) + "/enable"}
}

func rotatingLabel(r Row, now time.Time) string {
	return "Rotating, " + spanText(r.Old.ExpiresAt.Sub(now))
}

func rotatingSentence(r Row, now time.Time) string {
	text := "The old key …" + r.Old.Last4 + " goes on working until " + momentText(*r.Old.ExpiresAt) + ". "
	switch {
	case r.Old.SilentFor != nil && r.Old.CallsSince == 0:
		return text + "Nothing has used it since the rotation: it is safe to end."
	case r.Old.SilentFor != nil:
		return text + "It has been silent for " + spanText(now.Sub(*r.Old.SilentFor)) + ": it is safe to end."
	case r.Old.CallsSince == 0:
		return text + "Nothing has used it since the rotation."
	}
	return text + calls(r.Old.CallsSince) + " still used it since the rotation."
}

func rotatingAction(r Row, list string) statusAction {
	return statusAction{Label: "End the old key", Href: keyPath(list, r.Old.Key) + "/revoke"}
}

func neverUsedSentence(r Row, now time.Time) string {
	if r.NotBefore != nil && now.Before(*r.NotBefore) {
		return "Begins to work on " + momentText(*r.NotBefore) + "."
	}
	return "Made on " + dayText(r.CreatedAt) + " and not used yet."
}

// ownerGone tells whether a personal key is off because of its owner.
func (k Key) ownerGone() bool {
	return k.DisabledAt == nil && !k.ServiceAccount() && (k.creatorSuspended || k.creatorRole == "")
}

// share is a part of a whole in percent, with a digit behind the point where it tells.
func share(part, whole int) string {
	if whole == 0 {
		return "0 %"
	}
	permille := part * 1000 / whole
	if permille%10 == 0 || permille >= 100 {
		return fmt.Sprintf("%d %%", permille/10)
	}
	return fmt.Sprintf("%d.%d %%", permille/10, permille%10)
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

// dayText names a day for people, in UTC.
func dayText(t time.Time) string { return t.UTC().Format("2 Jan 2006") }

// momentText names a minute for people, in UTC.
func momentText(t time.Time) string { return t.UTC().Format("Mon 2 Jan, 15:04") + " UTC" }

// within is a time to come in words: "in 3 d".
func within(t, now time.Time) string {
	if !t.After(now) {
		return "now"
	}
	return web.Relative(t, now)
}

// spanText is a length of time in words: "22 h".
func spanText(d time.Duration) string {
	start := time.Unix(0, 0)
	text := strings.TrimSuffix(web.Relative(start, start.Add(d)), " ago")
	if text == "just now" {
		return "a moment"
	}
	return text
}

func limitText(rate *int) string {
	if rate == nil {
		return "no limit"
	}
	return web.Count(*rate) + " a minute"
}

func calls(n int) string { return number(n, "call") }

// number writes a count with its noun: "1 call", "1,204 calls".
func number(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "ss") {
		return web.Count(n) + " " + noun + "es"
	}
	return web.Count(n) + " " + noun + "s"
}
