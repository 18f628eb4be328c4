package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a server under measurement, or one it is measured against.
type process struct {
	cmd  *exec.Cmd
	addr string
	said []string // on its first line, behind the address
	log  *tail
}

// startPeer runs one of this program's own servers, under another program if one is given.
func startPeer(ctx context.Context, under []string, role string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	words := slices.Concat(under, []string{self, role}, args)
	return startServer(ctx, words[0], words[1:]...)
}

// startServer runs a server that says its address on its first line and ends with its
// standard input.
func startServer(ctx context.Context, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, args...), log: &tail{}}
	p.cmd.Stderr = p.log
	if _, err := p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	words := strings.Fields(line)
	if err == nil && len(words) == 0 {
		err = errors.New("its first line is empty")
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(append([]string{filepath.Base(program)}, args...), " "), err, p.log)
	}
	p.addr, p.said = words[0], words[1:]
	return p, nil
}

// stop ends the process in its orderly way, and after a while in any way.
func (p *process) stop() {
	if p == nil || p.cmd.Process == nil || p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(20*time.Second, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	late.Stop()
}

// resident is the memory of the process that is in RAM, in bytes.
func (p *process) resident() (float64, error) { return p.memory("VmRSS") }

// peak is the most that was in RAM since the start, or since forgetPeak, in bytes.
func (p *process) peak() (float64, error) { return p.memory("VmHWM") }

// forgetPeak lets the next peak count from now on.
func (p *process) forgetPeak() error {
	return os.WriteFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "clear_refs"), []byte("5"), 0)
}

func (p *process) memory(name string) (float64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err != nil {
		return 0, fmt.Errorf("memory is measured on Linux only: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, name+": %f kB", &kib); n == 1 {
			return kib * 1024, nil
		}
	}
	return 0, errors.New("the system does not tell the memory of a process")
}

// cpu is the CPU time of the process so far, to the hundredth of a second; 0 where the
// system does not tell.
func (p *process) cpu() time.Duration {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "stat"))
	if err != nil {
		return 0
	}
	_, behind, _ := bytes.Cut(text, []byte(") ")) // the name may hold anything
	fields := strings.Fields(string(behind))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// tail keeps the end of what a process says, for messages.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailMax = 4096

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailMax):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
