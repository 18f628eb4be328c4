package account

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/audit"
)

// What the audit log says in words. An action that is not listed here is still shown,
// by its name.

// sentences tell an action: {who} did it to {what}.
var sentences = map[string]string{
	"account.create": "{who} set up the account {what}",
	"account.change": "{who} changed the settings of the account {what}",

	"environment.create": "{who} added the environment {what}",
	"environment.rename": "{who} renamed an environment to {what}",

	"member.invite":   "{who} invited {what}",
	"member.withdraw": "{who} withdrew the invitation of {what}",
	"member.join":     "{who} joined with the address {what}",
	"member.role":     "{who} changed the role of {what}",
	"member.suspend":  "{who} suspended {what}",
	"member.readmit":  "{who} readmitted {what}",

	"person.login":           "{who} logged in",
	"person.login_failed":    "Somebody failed to log in as {what}",
	"person.password_change": "{who} changed their password",
	"person.reset_link":      "{who} made a link to reset the password of {what}",

	"key.create":  "{who} created the API key {what}",
	"key.change":  "{who} changed the API key {what}",
	"key.rotate":  "{who} rotated the API key {what}",
	"key.disable": "{who} disabled the API key {what}",
	"key.enable":  "{who} enabled the API key {what}",
	"key.revoke":  "{who} revoked the API key {what}",
	"key.expose":  "The API key {what} was seen where it must not be, sent by {who}",

	"lead.export": "{who} exported leads of {what}",

	"entity.create": "{who} created the entity {what}",
	"entity.change": "{who} changed the entity {what}",
	"entity.delete": "{who} deleted the entity {what}",
}

// labels name what changed.
var labels = map[string]string{
	"name": "Name", "role": "Role", "suspended": "Suspended", "owner": "Owner", "kind": "Kind", "exposed_policy": "Exposed keys", "max_key_days": "Longest life of keys", "purpose": "Purpose",
	"scopes": "Scopes", "expires_at": "Ends", "not_before": "Starts", "ip_allow": "Allowed networks", "origins": "Web origins", "rate_limit": "Rate limit",
	"key": "Key", "old_ends_at": "Old key ends", "because": "Because", "where": "Where",
}

// describeEntry puts an entry into words. envs are the environments of its account.
func describeEntry(e audit.Entry, envs []Environment) auditLine {
	line := auditLine{id: e.ID.String(), at: e.At, address: e.Actor.IP, request: e.Actor.RequestID, sentence: sentenceOf(e)}
	if line.address == "" {
		line.address = "this server"
	}
	for _, env := range envs {
		if env.ID == e.EnvironmentID {
			line.environment = env.Name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Changes)) {
		label, ok := labels[name]
		if !ok {
			label = name
		}
		c := e.Changes[name]
		line.changes = append(line.changes, auditChange{label: label, from: settingText(name, c.From), to: cmp.Or(settingText(name, c.To), "nothing")})
	}
	return line
}

func sentenceOf(e audit.Entry) string {
	object := e.Object.Name
	if object == "" {
		object = e.Object.Kind
	}
	sentence, ok := sentences[e.Action]
	if !ok {
		sentence = "{who} did " + e.Action + " to {what}"
	}
	who := actorText(e.Actor)
	if e.Actor.Kind != audit.Person && strings.HasPrefix(sentence, "{who}") {
		who = strings.ToUpper(who[:1]) + who[1:]
	}
	return strings.NewReplacer("{who}", who, "{what}", object).Replace(sentence)
}

func actorText(a audit.Actor) string {
	switch a.Kind {
	case audit.Key:
		return "the API key " + a.Name
	case audit.Operator:
		return "the operator"
	case audit.System:
		return "the system"
	case audit.Stranger:
		return "a stranger"
	}
	return a.Name
}

// settingText is the value of a setting by the name that its page gives it.
func settingText(setting string, v any) string {
	text := valueText(v)
	switch {
	case text == "":
	case setting == "role":
		return roleName(Role(text))
	case setting == "kind" && text == string(Live):
		return "Live"
	case setting == "kind" && text == string(Test):
		return "Test"
	case setting == "exposed_policy":
		return policyName(ExposedPolicy(text))
	case setting == "max_key_days":
		return keyLifeName(text)
	}
	return text
}

// valueText is one value as people read it; "" when there is none.
func valueText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case bool:
		if x {
			return "yes"
		}
		return "no"
	case string:
		if t, err := time.Parse(time.RFC3339Nano, x); err == nil {
			return t.UTC().Format("2 Jan 2006, 15:04") + " UTC"
		}
		return x
	case []any:
		texts := make([]string, len(x))
		for i, each := range x {
			texts[i] = valueText(each)
		}
		return strings.Join(texts, ", ")
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
