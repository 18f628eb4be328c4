package scanners

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
)

const (
	keys    = 1000 // in each form
	rulesAt = "../../docs/gitleaks.toml"
	ourRule = "leadflip-api-key"
)

// forms are the ways in which a key stands in source code.
var forms = map[string]string{
	"variable":  "LEADFLIP_API_KEY=%s\n",
	"JSON":      "{\n  \"api_key\": \"%s\",\n  \"host\": \"leads.example.com\"\n}\n",
	"curl":      "curl -H \"Authorization: Bearer %s\" https://leads.example.com/api/entities\n",
	"bare line": "%s\n",
}

// ofNobody are stock rules that look for anything secret and name no vendor; that they
// see our keys is right.
var ofNobody = map[string]bool{"generic-api-key": true, "curl-auth-header": true}

// detectors are gitleaks with its own rules, and with ours on top, as docs/gitleaks.toml
// is used.
func detectors(t *testing.T) (stock, ours *detect.Detector) {
	t.Helper()
	stock, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(rulesAt)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(file); err != nil {
		t.Fatal(err)
	}
	var read config.ViperConfig
	if err := v.Unmarshal(&read); err != nil {
		t.Fatal(err)
	}
	rules, err := read.Translate()
	if err != nil {
		t.Fatal(err)
	}
	return stock, detect.NewDetector(rules)
}

// No rule for another vendor's keys takes ours for its own: whoever is told to revoke a
// key must be told whose it is.
func TestNoVendorsRuleTakesOurKeysForItsOwn(t *testing.T) {
	stock, _ := detectors(t)
	// The rules of vendors do fire, on what is theirs.
	control := "ghp_" + apikey.Mint(account.Live).Reveal()[20:56]
	if found := stock.DetectString(control + "\n"); len(found) == 0 || found[0].RuleID != "github-pat" {
		t.Fatalf("the stock rules do not see a key of GitHub: %v", found)
	}
	for name, form := range forms {
		wrong := map[string]int{}
		for range keys {
			for _, f := range stock.DetectString(fmt.Sprintf(form, apikey.Mint(account.Live).Reveal())) {
				if !ofNobody[f.RuleID] {
					wrong[f.RuleID]++
				}
			}
		}
		if len(wrong) > 0 {
			t.Errorf("%s: rules of others fire: %v", name, wrong)
		}
	}
}

// Our own rule finds every key, whole, whatever kind it is.
func TestOurRuleFindsEveryKey(t *testing.T) {
	_, ours := detectors(t)
	if _, ok := ours.Config.Rules["generic-api-key"]; !ok {
		t.Error("docs/gitleaks.toml does not stand on top of the stock rules")
	}
	for name, form := range forms {
		missed := 0
		for i := range keys {
			kind := account.Live
			if i%2 == 1 {
				kind = account.Test
			}
			key := apikey.Mint(kind).Reveal()
			found := false
			for _, f := range ours.DetectString(fmt.Sprintf(form, key)) {
				found = found || f.RuleID == ourRule && f.Secret == key
			}
			if !found {
				missed++
			}
		}
		if missed > 0 {
			t.Errorf("%s: %d of %d keys are not found", name, missed, keys)
		}
	}
}

// The rule is about keys and nothing near them.
func TestOurRuleFindsNothingElse(t *testing.T) {
	_, ours := detectors(t)
	key := apikey.Mint(account.Live).Reveal()
	for name, text := range map[string]string{
		"cut off":        key[:len(key)-1],
		"longer":         key + "x",
		"another prefix": "x" + key,
		"masked":         "lf_live_…" + key[len(key)-4:],
		"not base62":     strings.Replace(key, key[20:21], "-", 1),
	} {
		for _, f := range ours.DetectString(text + "\n") {
			if f.RuleID == ourRule {
				t.Errorf("%s: %q is found", name, f.Secret)
			}
		}
	}
}
