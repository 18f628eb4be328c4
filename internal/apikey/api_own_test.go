package apikey

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestTheOwnKeyIsWrittenAsEveryOtherIs(t *testing.T) {
	t.Parallel()
	text, texts := rapid.String(), rapid.SliceOfN(rapid.String(), 0, 3)
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(0, 4_000_000_000_000_000).Draw(t, "micros")).UTC()
	})
	ids := rapid.Custom(func(t *rapid.T) id.ID {
		return id.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	})
	rapid.Check(t, func(t *rapid.T) {
		list := func(name string) []string { return append([]string{}, texts.Draw(t, name)...) }
		b := Body{
			ID: ids.Draw(t, "id"), PublicID: text.Draw(t, "public"), Masked: text.Draw(t, "masked"), Name: text.Draw(t, "name"), Purpose: text.Draw(t, "purpose"),
			Account: text.Draw(t, "account"), Environment: text.Draw(t, "environment"), Scopes: list("scopes"), Status: text.Draw(t, "status"), Service: rapid.Bool().Draw(t, "service"),
			CreatedByKey: rapid.Ptr(ids, true).Draw(t, "made by"), CreatedAt: moment.Draw(t, "created"), UpdatedAt: moment.Draw(t, "updated"),
			NotBefore: rapid.Ptr(moment, true).Draw(t, "not before"), ExpiresAt: rapid.Ptr(moment, true).Draw(t, "expires"), DisabledAt: rapid.Ptr(moment, true).Draw(t, "disabled"),
			RevokedAt: rapid.Ptr(moment, true).Draw(t, "revoked"), ExposedAt: rapid.Ptr(moment, true).Draw(t, "exposed"), ExposedWhere: text.Draw(t, "where"),
			FirstUsedAt: rapid.Ptr(moment, true).Draw(t, "first"), IPAllow: list("networks"), Origins: list("origins"), RateLimit: text.Draw(t, "rate"),
			Replaces: rapid.Ptr(ids, true).Draw(t, "replaces"), ReplacedBy: rapid.Ptr(ids, true).Draw(t, "replaced by"),
		}
		if rapid.Bool().Draw(t, "by a person") {
			b.CreatedBy = &PersonBody{ids.Draw(t, "person"), text.Draw(t, "person's name")}
		}
		if rapid.Bool().Draw(t, "used") {
			b.LastUsed = &UseBody{moment.Draw(t, "at"), text.Draw(t, "ip"), text.Draw(t, "method"), text.Draw(t, "route"), rapid.IntRange(0, 999).Draw(t, "code"), text.Draw(t, "agent")}
		}
		want, err := api.AppendJSON(nil, b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := api.AppendJSON(nil, ownBody{b})
		if err != nil {
			t.Fatal(err)
		}
		// To write the two line ends of Unicode as they are, or escaped, is the same.
		escaped := strings.NewReplacer("\u2028", `\u2028`, "\u2029", `\u2029`).Replace(string(got))
		if diff := cmp.Diff(string(want), escaped); diff != "" {
			t.Fatalf("(-by reflection +by itself):\n%s", diff)
		}
	})
}
