// Package config is the one documented struct of settings. Every setting is a flag
// and an environment variable with the same meaning; a flag wins over a variable,
// a variable over the default. Secrets can also be read from a file named by the
// variable with _FILE behind it.
//
// A wrong value, an unknown flag or an unknown LEADFLIP_ variable stops the program
// with one line that names it.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Config is everything the operator can set.
type Config struct {
	Addr           string   `flag:"addr" default:"127.0.0.1:8080" help:"address to listen on"`
	Data           string   `flag:"data" default:"./data" help:"data folder: the SQLite database and the master key"`
	DatabaseURL    string   `flag:"database-url" secret:"true" help:"postgres://… to keep the data in PostgreSQL instead of SQLite"`
	PublicURL      string   `flag:"public-url" help:"address people and programs reach this instance at, e.g. https://leads.example.com (default: from --addr)"`
	TrustedProxies []string `flag:"trusted-proxies" help:"networks of proxies whose X-Forwarded-For and -Proto headers count, e.g. 10.0.0.0/8"`
	TLSCert        string   `flag:"tls-cert" help:"PEM file of the certificate; with --tls-key this program speaks HTTPS itself"`
	TLSKey         string   `flag:"tls-key" help:"PEM file of the certificate's private key"`
	HTTPAddr       string   `flag:"http-addr" help:"beside HTTPS: plain address that sends browsers to HTTPS and refuses API calls"`
	AllowPlainHTTP bool     `flag:"allow-plain-http" help:"let people log in over unencrypted HTTP from other machines (a LAN); the pages say so"`
	MetricsAddr    string   `flag:"metrics-addr" help:"address for Prometheus metrics at /metrics (default: none)"`
	MasterKey      string   `flag:"-" env:"LEADFLIP_MASTER_KEY" secret:"true" help:"32 bytes in base64 that wrap the instance's secrets; wins over the file"`
	NewMasterKey   string   `flag:"-" env:"LEADFLIP_NEW_MASTER_KEY" secret:"true" help:"for master-key rotate: the key that takes the place of LEADFLIP_MASTER_KEY"`
	MasterKeyFile  string   `flag:"master-key-file" help:"file with the master key, made at the first start (default: master.key in the data folder)"`
	LogFormat      string   `flag:"log-format" help:"json or text (default: text on a terminal, json otherwise)"`
	LogLevel       string   `flag:"log-level" default:"info" help:"debug, info, warn or error"`

	// Derived by Load.
	Proxies []netip.Prefix
	Level   slog.Level
}

// Prefix begins every variable; TestPrefix ones are for the tests.
const (
	Prefix     = "LEADFLIP_"
	TestPrefix = "LEADFLIP_TEST_"
)

// clientVariables are names that programs which call the API use for themselves; they
// are no settings of ours, and no mistake either.
var clientVariables = []string{"LEADFLIP_KEY", "LEADFLIP_API_KEY", "LEADFLIP_URL"}

// isOption tells whether a variable is a setting of its own: the master key's file is
// one, so it is not read as the _FILE form of the master key.
func isOption(env string) bool {
	return slices.ContainsFunc(Options(), func(o Option) bool { return o.Env == env })
}

// Option is one setting, for the flags, the docs and their test.
type Option struct {
	Flag, Env, Default, Help string
	Secret                   bool
	field                    int
}

// Options lists the settings in the order of the struct.
func Options() []Option {
	var out []Option
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		f := t.Field(i)
		flag := f.Tag.Get("flag")
		if flag == "" {
			continue
		}
		o := Option{Flag: flag, Env: f.Tag.Get("env"), Default: f.Tag.Get("default"), Help: f.Tag.Get("help"), Secret: f.Tag.Get("secret") != "", field: i}
		if o.Env == "" {
			o.Env = Prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
		}
		if flag == "-" {
			o.Flag = ""
		}
		out = append(out, o)
	}
	return out
}

// Bind makes the flags with these names, all when none is given, on flags, and points
// them at c.
func (c *Config) Bind(flags *pflag.FlagSet, names ...string) {
	v := reflect.ValueOf(c).Elem()
	for _, o := range Options() {
		switch p := v.Field(o.field).Addr().Interface().(type) {
		case *string:
			*p = o.Default
			if bound(o, names) {
				flags.StringVar(p, o.Flag, o.Default, o.Help)
			}
		case *bool:
			if bound(o, names) {
				flags.BoolVar(p, o.Flag, false, o.Help)
			}
		case *[]string:
			if bound(o, names) {
				flags.StringSliceVar(p, o.Flag, nil, o.Help)
			}
		}
	}
}

func bound(o Option, names []string) bool {
	return o.Flag != "" && (len(names) == 0 || slices.Contains(names, o.Flag))
}

// Load fills c from the environment where no flag was given, and checks everything.
func (c *Config) Load(flags *pflag.FlagSet, environ []string) error {
	env := map[string]string{}
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok && strings.HasPrefix(name, Prefix) && !strings.HasPrefix(name, TestPrefix) {
			env[name] = value
		}
	}
	for _, o := range Options() {
		value, given := env[o.Env]
		delete(env, o.Env)
		if o.Secret && !isOption(o.Env+"_FILE") {
			file, byFile := env[o.Env+"_FILE"]
			delete(env, o.Env+"_FILE")
			if byFile && file != "" {
				text, err := os.ReadFile(file)
				if err != nil {
					return fmt.Errorf("%s_FILE: %w", o.Env, err)
				}
				value, given = strings.TrimSpace(string(text)), true
			}
		}
		if f := flags.Lookup(o.Flag); !given || value == "" || f != nil && f.Changed {
			continue
		}
		if err := c.set(o, value); err != nil {
			return err
		}
	}
	for _, name := range clientVariables {
		delete(env, name)
	}
	if len(env) > 0 {
		names := make([]string, 0, len(env))
		for name := range env {
			names = append(names, name)
		}
		slices.Sort(names)
		return fmt.Errorf("the variable %s is not known; see leadflip serve --help for the settings", names[0])
	}
	return c.check()
}

func (c *Config) set(o Option, value string) error {
	switch p := reflect.ValueOf(c).Elem().Field(o.field).Addr().Interface().(type) {
	case *string:
		*p = value
	case *bool:
		switch strings.ToLower(value) {
		case "1", "true", "yes", "on":
			*p = true
		case "0", "false", "no", "off":
			*p = false
		default:
			return fmt.Errorf("%s must be true or false", o.Env)
		}
	case *[]string:
		*p = strings.Split(value, ",")
	}
	return nil
}

func (c *Config) check() error {
	for _, a := range []struct{ name, value string }{{"--addr", c.Addr}, {"--http-addr", c.HTTPAddr}, {"--metrics-addr", c.MetricsAddr}} {
		if a.value == "" && a.name != "--addr" {
			continue
		}
		if _, err := net.ResolveTCPAddr("tcp", a.value); err != nil {
			return fmt.Errorf("%s: %q is not an address; write host:port, for example 127.0.0.1:8080 or :8080", a.name, a.value)
		}
	}
	for _, text := range c.TrustedProxies {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if ip, ipErr := netip.ParseAddr(text); ipErr == nil {
			p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil {
			return fmt.Errorf("--trusted-proxies: %q is not an address or network; write for example 10.0.0.0/8", text)
		}
		c.Proxies = append(c.Proxies, p.Masked())
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key belong together; give both or none")
	}
	if c.HTTPAddr != "" && c.TLSCert == "" {
		return errors.New("--http-addr is the plain address beside HTTPS; give --tls-cert and --tls-key too, or use --addr")
	}
	if c.PublicURL == "" {
		c.PublicURL = c.guessURL()
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return fmt.Errorf("--public-url: %q is not a web address without a path; write for example https://leads.example.com", c.PublicURL)
	}
	c.PublicURL = u.Scheme + "://" + u.Host
	if c.MasterKeyFile == "" {
		c.MasterKeyFile = filepath.Join(c.Data, "master.key")
	}
	if err := c.Level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return fmt.Errorf("--log-level: %q is not known; use debug, info, warn or error", c.LogLevel)
	}
	if c.LogFormat != "" && c.LogFormat != "json" && c.LogFormat != "text" {
		return fmt.Errorf("--log-format: %q is not known; use json or text", c.LogFormat)
	}
	return nil
}

// guessURL is the address for people when the operator gives none.
func (c *Config) guessURL() string {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return "http://" + c.Addr
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
