package apikey

import (
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// ownOutput is keyOutput for the first call of every integration.
type ownOutput struct {
	ETag string `header:"ETag"`
	Body ownBody
}

// ownBody is a Body that writes itself, which takes a quarter of the time.
type ownBody struct{ Body }

// Schema implements huma.SchemaProvider.
func (ownBody) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[Body](), true, "")
}

// AppendJSON writes the key as api.AppendJSON would write its Body.
func (o ownBody) AppendJSON(b []byte) ([]byte, error) {
	w := jsonWriter{b: append(b, '{')}
	w.id("id", &o.ID)
	w.text("public_id", o.PublicID)
	w.text("masked", o.Masked)
	w.text("name", o.Name)
	w.text("purpose", o.Purpose)
	w.text("account", o.Account)
	w.text("environment", o.Environment)
	w.texts("scopes", o.Scopes)
	w.text("status", o.Status)
	w.name("service_account")
	w.b = strconv.AppendBool(w.b, o.Service)
	w.name("created_by")
	if o.CreatedBy == nil {
		w.null()
	} else {
		w.open()
		w.id("id", &o.CreatedBy.ID)
		w.text("name", o.CreatedBy.Name)
		w.close()
	}
	w.id("created_by_key", o.CreatedByKey)
	w.time("created_at", &o.CreatedAt)
	w.time("updated_at", &o.UpdatedAt)
	w.time("not_before", o.NotBefore)
	w.time("expires_at", o.ExpiresAt)
	w.time("disabled_at", o.DisabledAt)
	w.time("revoked_at", o.RevokedAt)
	w.time("exposed_at", o.ExposedAt)
	if o.ExposedWhere != "" {
		w.text("exposed_where", o.ExposedWhere)
	}
	w.time("first_used_at", o.FirstUsedAt)
	w.name("last_used")
	if u := o.LastUsed; u == nil {
		w.null()
	} else {
		w.open()
		w.time("at", &u.At)
		w.text("ip", u.IP)
		w.text("method", u.Method)
		w.text("route", u.Route)
		w.name("status")
		w.b = strconv.AppendInt(w.b, int64(u.Status), 10)
		w.text("user_agent", u.UserAgent)
		w.close()
	}
	w.texts("ip_allow", o.IPAllow)
	w.texts("origins", o.Origins)
	w.text("rate_limit", o.RateLimit)
	w.id("replaces", o.Replaces)
	w.id("replaced_by", o.ReplacedBy)
	w.close()
	return w.b, w.err
}

// jsonWriter writes the members of objects.
type jsonWriter struct {
	b   []byte
	err error // the first
}

func (w *jsonWriter) open()  { w.b = append(w.b, '{') }
func (w *jsonWriter) close() { w.b = append(w.b, '}') }
func (w *jsonWriter) null()  { w.b = append(w.b, "null"...) }

func (w *jsonWriter) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

func (w *jsonWriter) string(s string) {
	b, err := api.AppendText(w.b, s)
	if err != nil {
		w.err = err
		return
	}
	w.b = b
}

func (w *jsonWriter) text(name, s string) {
	w.name(name)
	w.string(s)
}

func (w *jsonWriter) texts(name string, list []string) {
	w.name(name)
	w.b = append(w.b, '[')
	for i, s := range list {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.string(s)
	}
	w.b = append(w.b, ']')
}

func (w *jsonWriter) id(name string, v *id.ID) {
	w.name(name)
	if v == nil {
		w.null()
		return
	}
	w.b = append(w.b, '"')
	w.b = append(v.Append(w.b), '"')
}

func (w *jsonWriter) time(name string, t *time.Time) {
	w.name(name)
	if t == nil {
		w.null()
		return
	}
	w.b = api.AppendTime(w.b, *t)
}
