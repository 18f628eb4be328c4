package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

func TestAnswersAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 50_000)
	for name, c := range map[string]struct {
		text   string
		status int
	}{
		"length":        {"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\nhello", 200},
		"no body":       {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200},
		"nothing":       {"HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", 204},
		"error":         {"HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: 2\r\n\r\n{}", 422},
		"long":          {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(long), long), 200},
		"chunks":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200},
		"empty chunks":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200},
		"a long chunk":  {fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(long), long), 200},
		"zero in chunk": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n0\r\n0\r\n\r\n", 200},
	} {
		for how, wrap := range map[string]func(io.Reader) io.Reader{"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "by halves": iotest.HalfReader} {
			status, err := readAnswer(wrap(strings.NewReader(c.text)), make([]byte, 1024))
			if err != nil || status != c.status {
				t.Errorf("%s %s: status %d, %v", name, how, status, err)
			}
			// Not a byte more than the answer is waited for, and not one less.
			rest := bufio.NewReader(wrap(strings.NewReader(c.text[:len(c.text)-1])))
			if _, err := readAnswer(rest, make([]byte, 1024)); err == nil {
				t.Errorf("%s %s: its last byte is not waited for", name, how)
			}
		}
	}
	for name, text := range map[string]string{
		"not HTTP": "SSH-2.0-OpenSSH_9.7 something longer\r\n\r\n", "no end": "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "too much": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhello",
		"a long head": "HTTP/1.1 200 OK\r\nA: " + long + "\r\n\r\n", "no number": "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello", "cut": "HTTP/1.1 2",
	} {
		if status, err := readAnswer(strings.NewReader(text), make([]byte, 1024)); err == nil {
			t.Errorf("%s: read as %d", name, status)
		}
	}
}

func TestLoadCountsAndNumbers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if seen[string(body)] || r.Header.Get("Authorization") != "Bearer key" {
			t.Errorf("%q came twice, or without its key", body)
		}
		seen[string(body)] = true
	}))
	defer srv.Close()
	l := load{addr: srv.Listener.Addr().String(), conns: 4, counted: 200 * time.Millisecond, status: 200, request: request("POST", "/x", "key", "n"+serial)}
	r, err := l.run()
	if err != nil {
		t.Fatal(err)
	}
	if r.Answers != len(seen) || r.PerSecond <= 0 || r.P50 <= 0 || r.P99 < r.P50 || r.Max < r.P99 {
		t.Errorf("%+v, but %d came", r, len(seen))
	}
	l.status = 201
	if _, err := l.run(); err == nil || !strings.Contains(err.Error(), "status 200 instead of 201") {
		t.Errorf("another status: %v", err)
	}
	srv.Close()
	if _, err := l.run(); err == nil {
		t.Error("nobody there")
	}
}

func TestNumbersGoIntoRequests(t *testing.T) {
	t.Parallel()
	many := newTemplate([]byte("a" + serial + "b" + shuffled + "c" + serial + serial + "d"))
	if many.numbers != 3 {
		t.Errorf("it takes %d numbers", many.numbers)
	}
	if got, want := string(many.fill([]byte("old"), 41)), "a000000000042b"+fmt.Sprintf("%07d", shuffle(42))+"c000000000043000000000044d"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	none := newTemplate([]byte("GET"))
	if got := string(none.fill(nil, 7)); got != "GET" || none.numbers != 0 {
		t.Errorf("%q, %d numbers", got, none.numbers)
	}
}

func TestShuffledNumbersDiffer(t *testing.T) {
	t.Parallel()
	seen := make([]bool, 1e7)
	for n := range int64(1e7) {
		m := shuffle(n)
		if seen[m] {
			t.Fatalf("%d comes twice", m)
		}
		seen[m] = true
	}
}

func TestRequestsTakeTurnsUpToTheLimit(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		seen[r.URL.Path+string(body)]++
	}))
	defer srv.Close()
	l := load{addr: srv.Listener.Addr().String(), conns: 3, counted: time.Minute, status: 200, limit: 10, from: 5}
	l.requests = [][]byte{request("POST", "/a", "key", serial), request("POST", "/b", "key", serial)}
	r, err := l.run()
	if err != nil {
		t.Fatal(err)
	}
	a := 0
	for what, times := range seen {
		if times != 1 || what[2:] < "000000000006" || what[2:] > "000000000015" {
			t.Errorf("%s came %d times", what, times)
		}
		if what[1] == 'a' {
			a++
		}
	}
	if r.Answers != 10 || len(seen) != 10 || a != 5 || r.Seconds <= 0 || r.Seconds > 30 {
		t.Errorf("%+v; %v", r, seen)
	}
}
