package apikey

import (
	"time"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// Body is a key as the API shows it. It never holds the secret.
type Body struct {
	ID           id.ID       `json:"id" format:"uuid"`
	PublicID     string      `json:"public_id" doc:"The 12 characters after the prefix; names the key in logs" example:"4fT9kQ2mXb7Z"`
	Masked       string      `json:"masked" doc:"How the key is shown to people" example:"lf_live_…9f3Q"`
	Name         string      `json:"name" example:"Website server"`
	Purpose      string      `json:"purpose" doc:"What it is for, shown in errors and notices"`
	Account      string      `json:"account" doc:"The account's slug" example:"acme"`
	Environment  string      `json:"environment" doc:"The environment's slug" example:"production"`
	Scopes       []string    `json:"scopes" example:"[\"leads:write\"]"`
	Status       string      `json:"status" enum:"active,disabled,expired,revoked" doc:"Whether the key works"`
	Service      bool        `json:"service_account" doc:"The key belongs to the account, not to a person"`
	CreatedBy    *PersonBody `json:"created_by" doc:"Who made it; null for a service account"`
	CreatedByKey *id.ID      `json:"created_by_key" format:"uuid" nullable:"true" doc:"The key that made it, if one did"`
	CreatedAt    time.Time   `json:"created_at"`
	UpdatedAt    time.Time   `json:"updated_at" doc:"Last change of the settings or state"`
	NotBefore    *time.Time  `json:"not_before" doc:"The key works from here on; null: at once"`
	ExpiresAt    *time.Time  `json:"expires_at" doc:"The key works until here; null: no end"`
	DisabledAt   *time.Time  `json:"disabled_at"`
	RevokedAt    *time.Time  `json:"revoked_at"`
	ExposedAt    *time.Time  `json:"exposed_at" doc:"When the key was seen where it must not be"`
	ExposedWhere string      `json:"exposed_where,omitempty" doc:"path, query, header, cookie, body, plain_http or reported"`
	FirstUsedAt  *time.Time  `json:"first_used_at"`
	LastUsed     *UseBody    `json:"last_used" doc:"At most ten seconds old; null: never used"`
	IPAllow      []string    `json:"ip_allow" doc:"Networks it may be used from; empty: anywhere"`
	Origins      []string    `json:"origins" doc:"Web origins that may use it from a browser"`
	RateLimit    string      `json:"rate_limit" doc:"Calls a minute, or none" example:"6000/min"`
	Replaces     *id.ID      `json:"replaces" format:"uuid" nullable:"true" doc:"The key it took the place of by rotation"`
	ReplacedBy   *id.ID      `json:"replaced_by" format:"uuid" nullable:"true" doc:"The key that took its place by rotation"`
}

// PersonBody names a person.
type PersonBody struct {
	ID   id.ID  `json:"id" format:"uuid"`
	Name string `json:"name"`
}

// UseBody is one call of a key.
type UseBody struct {
	At        time.Time `json:"at"`
	IP        string    `json:"ip"`
	Method    string    `json:"method"`
	Route     string    `json:"route" example:"/api/intake"`
	Status    int       `json:"status"`
	UserAgent string    `json:"user_agent"`
}

// NewBody is what the API shows of a key.
func NewBody(k Key, accountSlug string, last *Call, now time.Time) Body {
	b := Body{
		ID: k.ID, PublicID: k.PublicID, Masked: k.Masked(), Name: k.Name, Purpose: k.Purpose, Account: accountSlug, Environment: k.Environment.Slug,
		Scopes: k.Scopes.Strings(), Status: "active", Service: k.ServiceAccount(), CreatedByKey: optID(k.CreatedByKey), CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt,
		NotBefore: k.NotBefore, ExpiresAt: k.ExpiresAt, DisabledAt: k.DisabledAt, RevokedAt: k.RevokedAt, ExposedAt: k.ExposedAt, ExposedWhere: k.ExposedWhere,
		FirstUsedAt: k.FirstUsedAt, IPAllow: []string{}, Origins: k.Origins, RateLimit: FormatRate(k.Rate), Replaces: optID(k.Replaces), ReplacedBy: optID(k.ReplacedBy),
	}
	for _, p := range k.IPAllow {
		b.IPAllow = append(b.IPAllow, p.String())
	}
	if b.Origins == nil {
		b.Origins = []string{}
	}
	switch {
	case k.RevokedAt != nil:
		b.Status = "revoked"
	case k.Ended(now):
		b.Status = "expired"
	case k.DisabledAt != nil:
		b.Status = "disabled"
	}
	if !k.ServiceAccount() {
		b.CreatedBy = &PersonBody{k.CreatedBy, k.CreatedByName}
	}
	if last != nil {
		b.LastUsed = &UseBody{last.At, last.IP, last.Method, last.Route, last.Status, last.UserAgent}
	}
	return b
}

func optID(v id.ID) *id.ID {
	if v.IsNil() {
		return nil
	}
	return &v
}

// SettingsBody is what can be chosen for a key, in requests.
type SettingsBody struct {
	Name      *string    `json:"name,omitempty" doc:"Says where the key is used; unique among the environment's living keys" example:"Website server"`
	Purpose   *string    `json:"purpose,omitempty" doc:"What it is for"`
	Scopes    *[]string  `json:"scopes,omitempty" doc:"What it may do" example:"[\"leads:write\"]"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"When it ends"`
	ExpiresIn *string    `json:"expires_in,omitempty" doc:"After how long it ends, instead of expires_at: 24h, 90d, 1y or never" example:"90d"`
	NotBefore *time.Time `json:"not_before,omitempty" doc:"When it begins to work"`
	IPAllow   *[]string  `json:"ip_allow,omitempty" doc:"Addresses and networks it may be used from" example:"[\"203.0.113.0/24\"]"`
	Origins   *[]string  `json:"origins,omitempty" doc:"Web origins that may use it from a browser" example:"[\"https://www.example.com\"]"`
	RateLimit *string    `json:"rate_limit,omitempty" doc:"Calls a minute, or none" example:"600/min"`
}

func (b SettingsBody) settings() Settings {
	return Settings{b.Name, b.Purpose, b.Scopes, b.ExpiresAt, b.ExpiresIn, b.NotBefore, b.IPAllow, b.Origins, b.RateLimit}
}

// CreatedBody is a new key with its secret.
type CreatedBody struct {
	Body
	Key string `json:"key" doc:"The key itself. It is shown here and never again"`
}

// shownBody is what a replay of a creation or rotation gets instead of the secret.
type shownBody struct {
	Body
	Code string `json:"code"`
}

// UsageBody is a key's use over time.
type UsageBody struct {
	Data      []SlotBody    `json:"data" doc:"Outcomes over time, the oldest first"`
	Routes    []RouteBody   `json:"routes" doc:"The most called first"`
	Addresses []AddressBody `json:"addresses" doc:"The latest first"`
	Calls     []CallBody    `json:"calls" doc:"The last 100 calls, the latest first"`
}

// OutcomesBody is calls by what came of them.
type OutcomesBody struct {
	OK           int `json:"ok" doc:"2xx and 3xx"`
	ClientErrors int `json:"client_errors" doc:"4xx but 429"`
	Limited      int `json:"limited" doc:"429"`
	ServerErrors int `json:"server_errors" doc:"5xx"`
}

// SlotBody is the outcomes of one hour or day.
type SlotBody struct {
	Start time.Time `json:"start"`
	OutcomesBody
}

// RouteBody is the outcomes of one route.
type RouteBody struct {
	Route string `json:"route" example:"POST /api/intake"`
	OutcomesBody
}

// AddressBody is the use from one address.
type AddressBody struct {
	IP       string    `json:"ip"`
	Calls    int       `json:"calls"`
	LastUsed time.Time `json:"last_used"`
}

// CallBody is one call.
type CallBody struct {
	UseBody
	RequestID string `json:"request_id"`
	Micros    int64  `json:"micros" doc:"Time to answer, in microseconds"`
}

// NewUsageBody is what the API shows of a key's use.
func NewUsageBody(rep Report) UsageBody {
	out := UsageBody{Data: []SlotBody{}, Routes: []RouteBody{}, Addresses: []AddressBody{}, Calls: []CallBody{}}
	for _, s := range rep.Slots {
		out.Data = append(out.Data, SlotBody{s.Start, OutcomesBody(s.Outcomes)})
	}
	for _, r := range rep.Routes {
		out.Routes = append(out.Routes, RouteBody{r.Route, OutcomesBody(r.Outcomes)})
	}
	for _, a := range rep.Addresses {
		out.Addresses = append(out.Addresses, AddressBody{a.IP, a.Calls, a.Last})
	}
	for _, c := range rep.Calls {
		out.Calls = append(out.Calls, CallBody{UseBody{c.At, c.IP, c.Method, c.Route, c.Status, c.UserAgent}, c.RequestID, c.Took.Microseconds()})
	}
	return out
}
