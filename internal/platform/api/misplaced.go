package api

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// misplacedInHead looks for whole keys in the address and in every header but
// Authorization. It returns them with the place, "" when there is none.
func (a *API) misplacedInHead(r *http.Request) (keys []string, where string) {
	if k := a.gate.FindKeys(r.URL.Path); len(k) > 0 {
		return k, "path"
	}
	if k := a.findEncoded(r.URL.RawQuery); len(k) > 0 {
		return k, "query"
	}
	if k := a.findEncoded(r.RequestURI); len(k) > 0 {
		return k, "path"
	}
	if k, where := a.findInFields(r.Header); where != "" {
		return k, where
	}
	if k := a.gate.FindKeys(r.Host); len(k) > 0 {
		return k, "header"
	}
	return nil, ""
}

// findInFields looks into the values of header or trailer fields. Their names cannot
// hold a key: the HTTP layer has changed its letters.
func (a *API) findInFields(fields http.Header) (keys []string, where string) {
	for name, values := range fields {
		if name == "Authorization" {
			continue
		}
		for _, v := range values {
			k := a.findEncoded(v)
			if len(k) == 0 {
				continue
			}
			if name == "Cookie" {
				return k, "cookie"
			}
			return k, "header"
		}
	}
	return nil, ""
}

// findEncoded looks into text as it is and once decoded.
func (a *API) findEncoded(text string) []string {
	if text == "" {
		return nil
	}
	if k := a.gate.FindKeys(text); len(k) > 0 {
		return k
	}
	if !strings.ContainsAny(text, "%") {
		return nil
	}
	return a.gate.FindKeys(unescape(text))
}

// unescape decodes the percent-encoding it understands and keeps the rest, so that
// a broken escape beside a key does not hide it.
func unescape(s string) string {
	if out, err := url.PathUnescape(s); err == nil {
		return out
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// misplacedInBody looks for whole keys in names and values of the body, each once
// decoded. For JSON it also checks the strictness that every operation shares and
// returns the problem.
func (a *API) misplacedInBody(contentType string, body []byte) (keys []string, jsonProblem error) {
	if len(body) == 0 {
		return nil, nil
	}
	media, params, _ := mime.ParseMediaType(contentType)
	if isJSON(media) {
		return a.scanJSON(body)
	}
	if k := a.gate.FindKeys(string(body)); len(k) > 0 {
		return k, nil
	}
	switch media {
	case "application/x-www-form-urlencoded":
		return a.findEncoded(string(body)), nil
	case "multipart/form-data":
		return a.findInParts(body, params["boundary"]), nil
	}
	return nil, nil
}

// findInParts looks into a multipart body as its reader decodes it: names may be
// percent-encoded (RFC 5987) and values quoted-printable.
func (a *API) findInParts(body []byte, boundary string) []string {
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := r.NextPart()
		if err != nil { // the end, or a broken body, which the operation refuses
			return nil
		}
		value, _ := io.ReadAll(part)
		for _, text := range []string{part.FormName(), part.FileName(), string(value)} {
			if k := a.gate.FindKeys(text); len(k) > 0 {
				return k
			}
		}
	}
}

func isJSON(media string) bool {
	return media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}
