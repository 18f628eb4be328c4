package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load is one run of the load generator: a closed loop, in which every connection
// sends its next request when it has the answer to the last.
type load struct {
	addr     string
	conns    int
	warm     time.Duration // not counted
	counted  time.Duration
	limit    int      // of requests, after which the run ends early; 0 for none
	from     int64    // the number before the first; 0 for one that no run before has reached
	request  []byte   // whole; serial and shuffled in it are replaced
	requests [][]byte // several that take turns, instead of request
	status   int      // every answer must have it
}

// loadResult is what a run gave.
type loadResult struct {
	PerSecond     float64
	P50, P99, Max float64 // milliseconds
	Answers       int     // also those that are not counted
	Seconds       float64 // from the first request to the last answer
}

// In a request serial stands for a number of its width that grows, so that no two
// leads are the same, and shuffled for one that looks random and is as good as unique.
// The first of each in a request get the same number, the second the next, and so on.
const (
	serial   = "000000000000"
	shuffled = "#######"
)

// runLoad makes load in a process of its own, the same program for every server, so
// that what it costs is the same beside each of them.
func runLoad(ctx context.Context, l load) (loadResult, error) {
	self, err := os.Executable()
	if err != nil {
		return loadResult{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.warm+l.counted+30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "load", "-addr", l.addr, "-conns", strconv.Itoa(l.conns), "-warm", l.warm.String(), "-for", l.counted.String(),
		"-limit", strconv.Itoa(l.limit), "-from", strconv.FormatInt(l.from, 10), "-status", strconv.Itoa(l.status))
	requests, err := json.Marshal(l.all())
	if err != nil {
		return loadResult{}, err
	}
	cmd.Stdin = bytes.NewReader(requests)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return loadResult{}, fmt.Errorf("the load generator: %w\n%s", err, errOut.Bytes())
	}
	var r loadResult
	err = json.Unmarshal(out.Bytes(), &r)
	return r, err
}

// all are the requests that take turns.
func (l load) all() [][]byte {
	if l.requests != nil {
		return l.requests
	}
	return [][]byte{l.request}
}

// loadMain is the process that runLoad starts: the requests on standard input, the
// result on standard output.
func loadMain(args []string) error {
	var l load
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.StringVar(&l.addr, "addr", "", "address of the server")
	f.IntVar(&l.conns, "conns", 1, "connections")
	f.DurationVar(&l.warm, "warm", 0, "how long to run before counting")
	f.DurationVar(&l.counted, "for", time.Second, "how long to count")
	f.IntVar(&l.limit, "limit", 0, "requests after which to end early; 0 for none")
	f.Int64Var(&l.from, "from", 0, "number before the first; 0 for a new one")
	f.IntVar(&l.status, "status", 200, "status that every answer must have")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := json.NewDecoder(os.Stdin).Decode(&l.requests); err != nil {
		return err
	}
	r, err := l.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// run makes the load from this process.
func (l load) run() (loadResult, error) {
	if l.from == 0 {
		l.from = time.Now().UnixMicro() % 1e12
	}
	var at counters
	at.number.Store(l.from)
	var texts []template
	for _, r := range l.all() {
		texts = append(texts, newTemplate(r))
	}
	runs := make([]connection, l.conns)
	errs := make([]error, l.conns)
	for i := range runs {
		conn, err := net.Dial("tcp", l.addr)
		if err != nil {
			return loadResult{}, err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(l.warm + l.counted + 20*time.Second)); err != nil {
			return loadResult{}, err
		}
		runs[i] = connection{conn: conn, texts: texts, at: &at, took: make([]time.Duration, 0, 1<<14)}
	}
	var all sync.WaitGroup
	start := time.Now()
	for i := range runs {
		all.Go(func() { errs[i] = runs[i].loop(l, start) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return loadResult{}, err
	}
	r := loadResult{Seconds: time.Since(start).Seconds()}
	var took []time.Duration
	for i := range runs {
		took = append(took, runs[i].took...)
		r.Answers += runs[i].answers
	}
	if len(took) == 0 {
		return loadResult{}, errors.New("there was no answer in time")
	}
	slices.Sort(took)
	r.PerSecond = float64(len(took)) / min(l.counted.Seconds(), r.Seconds-l.warm.Seconds())
	r.P50, r.P99, r.Max = milliseconds(percentile(took, 0.50)), milliseconds(percentile(took, 0.99)), milliseconds(took[len(took)-1])
	return r, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// counters are shared by all connections of a run.
type counters struct {
	requests atomic.Int64 // begun
	number   atomic.Int64 // the last that was used
}

// connection is one of the callers.
type connection struct {
	conn    net.Conn
	texts   []template
	at      *counters
	took    []time.Duration // of the counted answers
	answers int
	request []byte
	buf     [16 << 10]byte
}

// loop sends and receives until the time or the limit is over. The end of one answer
// is the beginning of the next request.
func (c *connection) loop(l load, start time.Time) error {
	end := l.warm + l.counted
	for begin := time.Since(start); begin < end; {
		turn := c.at.requests.Add(1)
		if l.limit > 0 && turn > int64(l.limit) {
			return nil
		}
		t := c.texts[turn%int64(len(c.texts))]
		c.request = t.fill(c.request, c.at.number.Add(t.numbers)-t.numbers)
		if _, err := c.conn.Write(c.request); err != nil {
			return err
		}
		status, err := readAnswer(c.conn, c.buf[:])
		if err != nil {
			return err
		}
		if status != l.status {
			return fmt.Errorf("status %d instead of %d: %.600s", status, l.status, bytes.TrimRight(c.buf[:], "\x00"))
		}
		now := time.Since(start)
		c.answers++
		if now >= l.warm && now < end {
			c.took = append(c.took, now-begin)
		}
		begin = now
	}
	return nil
}

// template is a request and the places in it where numbers go.
type template struct {
	text              []byte
	serials, shuffles []int
	numbers           int64 // how many it takes
}

func newTemplate(text []byte) template {
	t := template{text: text, serials: places(text, serial), shuffles: places(text, shuffled)}
	t.numbers = int64(max(len(t.serials), len(t.shuffles)))
	return t
}

// places finds where a word stands in a text.
func places(text []byte, word string) (out []int) {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(word))
		if i < 0 {
			return out
		}
		out = append(out, from+i)
		from += i + len(word)
	}
}

// fill writes the request with the numbers behind last into buf.
func (t template) fill(buf []byte, last int64) []byte {
	buf = append(buf[:0], t.text...)
	for i, at := range t.serials {
		putNumber(buf[at:at+len(serial)], last+1+int64(i))
	}
	for i, at := range t.shuffles {
		putNumber(buf[at:at+len(shuffled)], shuffle(last+1+int64(i)))
	}
	return buf
}

// shuffle maps the numbers below ten million onto each other, neighbours far apart.
func shuffle(n int64) int64 { return n % 1e7 * 7368787 % 1e7 }

// putNumber writes a number with leading zeros.
func putNumber(to []byte, n int64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = byte('0' + n%10)
		n /= 10
	}
}

var (
	headEnd   = []byte("\r\n\r\n")
	lengthIs  = []byte("\r\nContent-Length: ")
	inChunks  = []byte("\r\nTransfer-Encoding: chunked\r\n")
	lastChunk = []byte("\r\n0\r\n\r\n")
)

// readAnswer reads one answer to its end and returns its status. It understands what
// the servers beside each other here send (net/http), no more: one answer at a time,
// header names as Go writes them, a head that fits into buf.
func readAnswer(r io.Reader, buf []byte) (status int, err error) {
	have, head := 0, -1
	for head < 0 {
		n, err := r.Read(buf[have:])
		if err != nil {
			return 0, err
		}
		from := max(0, have-len(headEnd))
		have += n
		if i := bytes.Index(buf[from:have], headEnd); i >= 0 {
			head = from + i + len(headEnd)
		} else if have == len(buf) {
			return 0, errors.New("the head of the answer is too long")
		}
	}
	if head < 16 || !bytes.HasPrefix(buf, []byte("HTTP/1.1 ")) {
		return 0, fmt.Errorf("not an answer: %.100q", buf[:have])
	}
	if status, err = strconv.Atoi(string(buf[9:12])); err != nil {
		return 0, err
	}
	if i := bytes.Index(buf[:head], lengthIs); i >= 0 {
		rest := buf[i+len(lengthIs) : head]
		length, err := strconv.Atoi(string(rest[:bytes.IndexByte(rest, '\r')]))
		if err != nil {
			return 0, err
		}
		return status, skip(r, buf, length-(have-head))
	}
	if bytes.Contains(buf[:head], inChunks) {
		return status, skipChunks(r, buf[head-2:], have-head+2)
	}
	if status == 204 || status == 304 {
		return status, nil
	}
	return 0, errors.New("the answer does not say where it ends")
}

// skip reads what is left of a body.
func skip(r io.Reader, buf []byte, left int) error {
	for left > 0 {
		n, err := r.Read(buf[:min(left, len(buf))])
		if err != nil {
			return err
		}
		left -= n
	}
	if left < 0 {
		return errors.New("more came than the answer said")
	}
	return nil
}

// skipChunks reads chunks, have bytes of which are in buf, to the last one. Only one
// answer is under way, so the last chunk is the end of what comes.
func skipChunks(r io.Reader, buf []byte, have int) error {
	for !bytes.HasSuffix(buf[:have], lastChunk) {
		if have > len(buf)/2 { // keep the tail alone
			have = copy(buf, buf[have-len(lastChunk):have])
		}
		n, err := r.Read(buf[have:])
		if err != nil {
			return err
		}
		have += n
	}
	return nil
}
