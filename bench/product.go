package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// product is the built program with a database of its own, as users have it: default
// settings, the log in a file.
type product struct {
	process
	binary string
	dir    string
	env    []string
	under  []string // a program, with its arguments, that starts the server; mostly none
}

// buildProduct builds the program as releases do.
func buildProduct(ctx context.Context, root, dir string) (string, error) {
	path := filepath.Join(dir, "leadflip")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/leadflip")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// newProduct prepares a data folder, and a PostgreSQL database when one is given, with
// an account.
func newProduct(ctx context.Context, binary, dir, databaseURL string) (*product, error) {
	p := &product{binary: binary, dir: dir}
	p.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LEADFLIP_DATA=" + p.data()}
	if databaseURL != "" {
		p.env = append(p.env, "LEADFLIP_DATABASE_URL="+databaseURL)
	}
	_, err := p.run(ctx, "nine lanterns over the harbour\n", "setup", "--email", "ada@example.com", "--password-stdin", "--account", "Acme", "--json")
	return p, err
}

func (p *product) data() string     { return filepath.Join(p.dir, "data") }
func (p *product) database() string { return filepath.Join(p.data(), "leadflip.db") }

// run runs a command of the program and returns what it prints.
func (p *product) run(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.binary, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = p.dir, p.env, strings.NewReader(stdin)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("leadflip %s: %w\n%s", strings.Join(args, " "), err, errOut.Bytes())
	}
	return out, nil
}

// key makes an API key without a rate limit, which would measure itself.
func (p *product) key(ctx context.Context, scopes string) (string, error) {
	out, err := p.run(ctx, "", "keys", "create", "--account", "acme", "--name", "bench "+scopes, "--scopes", scopes, "--rate-limit", "none", "--json")
	if err != nil {
		return "", err
	}
	var made struct{ Key string }
	err = json.Unmarshal(out, &made)
	return made.Key, err
}

// start runs the server and returns how long it took to its first answer.
func (p *product) start(ctx context.Context) (time.Duration, error) {
	var err error
	if p.addr, err = freeAddr(); err != nil {
		return 0, err
	}
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	words := slices.Concat(p.under, []string{p.binary, "serve", "--addr", p.addr})
	p.cmd = exec.CommandContext(ctx, words[0], words[1:]...)
	p.cmd.Dir, p.cmd.Env = p.dir, p.env
	p.cmd.Stdout, p.cmd.Stderr = log, log
	begin := time.Now()
	if err := p.cmd.Start(); err != nil {
		return 0, err
	}
	for !healthy(p.addr) {
		if time.Since(begin) > 20*time.Second {
			p.stop()
			text, _ := os.ReadFile(log.Name())
			return 0, fmt.Errorf("the server does not answer\n%s", text)
		}
		time.Sleep(500 * time.Microsecond)
	}
	return time.Since(begin), nil
}

// healthy tells whether GET /healthz is answered with 200.
func healthy(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write(request("GET", "/healthz", "", "")); err != nil {
		return false
	}
	status, err := readAnswer(conn, make([]byte, 16<<10))
	return err == nil && status == 200
}

// request is a whole request as it goes over the wire.
func request(method, path, key, body string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: leadflip-bench\r\nAccept: application/json\r\n", method, path)
	if key != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", key)
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return []byte(b.String() + "\r\n" + body)
}
