package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// request is one call, before it is sent.
type request struct {
	method string
	target string // path and query
	header http.Header
	body   string
}

func newRequest(method, target string) request {
	return request{method: method, target: target, header: http.Header{}}
}

// with returns the request with one more header line.
func (r request) with(name, value string) request {
	r.header = r.header.Clone()
	r.header.Add(name, value)
	return r
}

// by returns the request with a key.
func (r request) by(secret string) request {
	r.header = r.header.Clone()
	r.header.Set("Authorization", "Bearer "+secret)
	return r
}

// sending returns the request with a body.
func (r request) sending(contentType, body string) request {
	r.header = r.header.Clone()
	r.header.Del("Content-Type")
	if contentType != "" {
		r.header.Set("Content-Type", contentType)
	}
	r.body = body
	return r
}

func (r request) query(add string) request {
	if strings.Contains(r.target, "?") {
		r.target += "&" + add
	} else {
		r.target += "?" + add
	}
	return r
}

func (r request) String() string {
	return fmt.Sprintf("%s %.200s %v %.300s", r.method, r.target, r.header, r.body)
}

// answer is what came back.
type answer struct {
	to     string // the request, for messages
	method string
	target string
	status int
	header http.Header
	body   []byte
}

// byNetHTTP tells that the HTTP layer refused the request before the program saw it.
func (a answer) byNetHTTP() bool { return a.header.Get("X-Request-Id") == "" }

func (a answer) json() map[string]any {
	var out map[string]any
	dec := json.NewDecoder(bytes.NewReader(a.body))
	dec.UseNumber()
	if dec.Decode(&out) != nil {
		return map[string]any{}
	}
	return out
}

func (a answer) text(name string) string {
	s, _ := a.json()[name].(string)
	return s
}

// code is the problem code, "" of a success.
func (a answer) code() string {
	if a.status < 400 {
		return ""
	}
	return a.text("code")
}

func (a answer) String() string {
	return fmt.Sprintf("%d %s\n  to %s\n  %.600s", a.status, a.code(), a.to, a.body)
}

// send sends a request with an ordinary client.
func (i *instance) send(r request) answer {
	i.t.Helper()
	var in io.Reader
	if r.body != "" {
		in = strings.NewReader(r.body)
	}
	req, err := http.NewRequest(r.method, i.url+r.target, in)
	if err != nil {
		i.t.Fatalf("%s: %v", r, err)
	}
	maps.Copy(req.Header, r.header)
	if host := r.header.Get("Host"); host != "" {
		req.Host = host
	}
	resp, err := i.client.Do(req)
	if err != nil {
		i.t.Errorf("%s: %v", r, err)
		return answer{to: r.String(), header: http.Header{}}
	}
	return i.read(r.String(), r.method, r.target, resp)
}

func (i *instance) read(to, method, target string, resp *http.Response) answer {
	i.t.Helper()
	defer resp.Body.Close()
	readAll := io.ReadAll
	if resp.Header.Get("Content-Type") == mediaStream {
		readAll = firstBlock
	}
	body, err := readAll(resp.Body)
	if err != nil {
		i.t.Errorf("the answer could not be read: %v\n  to %s", err, to)
	}
	a := answer{to: to, method: method, target: target, status: resp.StatusCode, header: resp.Header, body: body}
	i.mu.Lock()
	if i.watch {
		i.seen = append(i.seen, a)
	}
	i.mu.Unlock()
	i.sound(a)
	return a
}

// firstBlock reads a stream, which does not end by itself, to its first empty line.
func firstBlock(r io.Reader) (all []byte, err error) {
	one := make([]byte, 1)
	for err == nil && !bytes.HasSuffix(all, []byte("\n\n")) {
		var n int
		n, err = r.Read(one)
		all = append(all, one[:n]...)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return all, err
}

// raw sends bytes as they are on a connection of their own, and reads one answer.
func (i *instance) raw(text string) answer {
	i.t.Helper()
	c := i.dial()
	defer c.Close()
	// The server may refuse and close before it has read everything; what it answered
	// counts then.
	var writing sync.WaitGroup
	writing.Go(func() { _, _ = io.WriteString(c, text) })
	defer writing.Wait()
	method, rest, _ := strings.Cut(text, " ")
	target, _, _ := strings.Cut(rest, " ")
	short := text
	if len(short) > 500 {
		short = short[:500] + "…"
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		i.t.Errorf("no answer: %v\n  to %q", err, short)
		return answer{to: fmt.Sprintf("%q", short), header: http.Header{}}
	}
	return i.read(fmt.Sprintf("%q", short), method, target, resp)
}

// head writes a request head: the request line, Host, and these lines.
func (i *instance) head(method, target string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", method, target)
	host := false
	for _, l := range lines {
		host = host || strings.HasPrefix(strings.ToLower(l), "host:")
	}
	if !host {
		fmt.Fprintf(&b, "Host: %s\r\n", i.addr)
	}
	b.WriteString("Connection: close\r\n")
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	return b.String() + "\r\n"
}

// withBody writes a request with a body of known length.
func (i *instance) withBody(method, target, body string, lines ...string) string {
	return i.head(method, target, append(lines, fmt.Sprintf("Content-Length: %d", len(body)))...) + body
}

// recorder is where a handler may answer without a connection; the answer is read when
// the test ends.
func (i *instance) recorder(t *testing.T, target string) (http.ResponseWriter, *http.Request) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	w := httptest.NewRecorder()
	t.Cleanup(func() { i.read("GET "+target, http.MethodGet, target, w.Result()) })
	return w, r
}
