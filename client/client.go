package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Client calls one instance with one key. Its parts are the parts of the API.
type Client struct {
	Leads    Leads
	Entities Entities
	Keys     Keys
	Events   Events

	base      *url.URL
	authorize func(*http.Request) // holds the key, where no formatted value can show it
	http      *http.Client
	agent     string
	retries   int
}

// Option changes how a Client works.
type Option func(*Client)

// WithHTTPClient sends requests through h, for example to trust another certificate or
// to go through a proxy. A Timeout of it cuts exports and streams too; rather give each
// call a context.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) {
		own := *h
		c.http = &own
	}
}

// WithUserAgent names the calling program; the instance shows it beside the key.
func WithUserAgent(name string) Option { return func(c *Client) { c.agent = name } }

// WithRetries sets how often a call is repeated at most; 0 is never. The default is 5.
func WithRetries(n int) Option { return func(c *Client) { c.retries = max(0, n) } }

// New returns a client of the instance at baseURL, for example
// https://leads.example.com. It sends nothing yet.
func New(baseURL, key string, opts ...Option) (*Client, error) {
	base, err := url.Parse(baseURL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, errors.New("leadflip: the base URL is not of the form https://leads.example.com")
	}
	base.Path = strings.TrimRight(base.Path, "/")
	if key == "" || strings.ContainsFunc(key, func(c rune) bool {
		return c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	}) {
		return nil, errors.New("leadflip: the API key is empty or has a character that no key has; give the key alone, without Bearer or white space")
	}
	c := &Client{
		base: base, authorize: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+key) },
		http: &http.Client{}, agent: "leadflip-go", retries: 5,
	}
	for _, o := range opts {
		o(c)
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Leads, c.Entities, c.Keys, c.Events = Leads{c}, Entities{c}, Keys{c}, Events{c}
	return c, nil
}

// String names the instance, never the key.
func (c *Client) String() string { return "leadflip client of " + c.base.String() }

// GoString is String.
func (c *Client) GoString() string { return c.String() }

// Format writes String, whatever the verb.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }
