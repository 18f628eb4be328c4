package apikey

import (
	"net/http"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// envName is the variable that the examples keep the key in.
const envName = "LEADFLIP_KEY"

// baseURL is the instance's public address.
func baseURL(r *http.Request) string {
	if base := httpd.From(r.Context()).Base; base != "" {
		return strings.TrimSuffix(base, "/")
	}
	scheme := "http://"
	if httpd.From(r.Context()).HTTPS {
		scheme = "https://"
	}
	return scheme + r.Host
}

// whoami are ready calls that ask which key this is. secret is the whole key, or the
// variable that holds it.
func whoami(base, secret string) []web.Snippet {
	return []web.Snippet{
		{Lang: "curl", Label: "cURL", Secret: masked(secret), Code: "curl " + base + "/api/key \\\n  -H \"Authorization: Bearer " + secret + "\""},
		{Lang: "js", Label: "Node", Secret: masked(secret), Code: "const answer = await fetch('" + base + "/api/key', {\n  headers: { 'Authorization': " + bearerJS(secret) + ", 'Accept': 'application/json' },\n});\n" +
			"console.log(answer.status, await answer.json());"},
	}
}

// intake are ready calls that send a lead.
func intake(base, secret, entity string) []web.Snippet {
	return []web.Snippet{
		{Lang: "curl", Label: "cURL", Secret: masked(secret), Code: "curl -X POST " + base + "/api/intake \\\n  -H \"Authorization: Bearer " + secret + "\" \\\n  -H \"Content-Type: application/json\" \\\n" +
			"  -d '{\"entity\": \"" + entity + "\", \"name\": \"Ada Lovelace\", \"email\": \"ada@example.com\"}'"},
		{Lang: "js", Label: "Node", Secret: masked(secret), Code: "const answer = await fetch('" + base + "/api/intake', {\n  method: 'POST',\n  headers: { 'Authorization': " + bearerJS(secret) + ", 'Content-Type': 'application/json' },\n" +
			"  body: JSON.stringify({ entity: '" + entity + "', name: 'Ada Lovelace', email: 'ada@example.com' }),\n});\nconsole.log(answer.status, await answer.json());"},
	}
}

// masked is the secret when it has to be shown shortened; a variable's name is shown.
func masked(secret string) string {
	if strings.HasPrefix(secret, "$") {
		return ""
	}
	return secret
}

func bearerJS(secret string) string {
	if name, ok := strings.CutPrefix(secret, "$"); ok {
		return "`Bearer ${process.env." + name + "}`"
	}
	return "'Bearer " + secret + "'"
}

// emptyExample is the call that the first key will make possible.
func emptyExample(base, entity string) string {
	return "curl -X POST " + base + "/api/intake \\\n  -H \"Authorization: Bearer $" + envName + "\" \\\n  -H \"Content-Type: application/json\" \\\n" +
		"  -d '{\"entity\": \"" + entity + "\", \"email\": \"ada@example.com\"}'"
}
