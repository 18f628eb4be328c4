package dbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoPostgres means that no PostgreSQL binaries were found.
var ErrNoPostgres = errors.New("PostgreSQL is not installed (initdb and postgres are neither on PATH nor in /usr/lib/postgresql); install it, or set " + URLVariable + " to a server")

// clusterUser owns the databases of a private server.
const clusterUser = "leadflip"

// startLimit bounds how long a server may take to answer. It only ends a hang.
const startLimit = 2 * time.Minute

// ClusterOptions say how a private server runs.
type ClusterOptions struct {
	// Durable keeps fsync and full page writes on. Tests that kill the server need
	// it; all others are several times faster without.
	Durable bool

	// Statements makes the server note the text of every statement, without its values.
	Statements bool
}

// Cluster is a private PostgreSQL server in a folder of its own. It ends, and its
// folder is removed, when Stop is called or this process ends in whatever way.
type Cluster struct {
	dir      string
	port     int
	password string
	postgres string // the program
	options  ClusterOptions
	stdin    io.Closer     // while it is open the server runs
	ended    chan struct{} // closed when the server has ended
}

// supervise runs the server until this script's standard input ends, which it does
// when the process at the other end of the pipe is gone, even by SIGKILL. The folder of
// a server that was killed on purpose is kept as long as that process may start it again.
const supervise = `
exec 3<&0
"$@" 3<&- &
server=$!
(cat <&3 >/dev/null; kill -QUIT "$server") 2>/dev/null &
wait "$server"
[ ! -e "$CLUSTER/killed" ] || wait
[ -e "$CLUSTER/handed-on" ] || { cd / && rm -rf "$CLUSTER"; }
`

// StartCluster makes and starts a private server.
func StartCluster(o ClusterOptions) (*Cluster, error) {
	initdb, postgres, err := binaries()
	if err != nil {
		return nil, err
	}
	// A port that was free a moment ago may be taken by the time the server binds it.
	for range 5 {
		var c *Cluster
		if c, err = startCluster(initdb, postgres, o); err == nil || !strings.Contains(err.Error(), "Address already in use") {
			return c, err
		}
	}
	return nil, err
}

func startCluster(initdb, postgres string, o ClusterOptions) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "leadflip-pg-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, password: rand.Text(), postgres: postgres, options: o}
	if err = c.initialise(initdb); err == nil {
		c.port, err = freePort()
	}
	if err == nil {
		err = c.start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

// URL is the address of the server's first database.
func (c *Cluster) URL() string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(clusterUser, c.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)), Path: "/postgres", RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Log is what the server has written to its log since its start.
func (c *Cluster) Log() (string, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, "log"))
	return string(text), err
}

// Stop ends the server and removes its folder.
func (c *Cluster) Stop() {
	_ = c.stdin.Close()
	<-c.ended
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) initialise(initdb string) error {
	secret := filepath.Join(c.dir, "password")
	if err := os.WriteFile(secret, []byte(c.password), 0o600); err != nil {
		return err
	}
	if err := giveToServer(c.dir, secret); err != nil {
		return err
	}
	args := []string{"--pgdata", c.data(), "--username", clusterUser, "--pwfile", secret, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync", "--no-instructions"}
	// A linguistic order of texts, so that tests notice where the program relies on
	// the order of bytes without saying so. Before version 15 there is no such option.
	out, err := c.runInit(initdb, append(args, "--locale", "C", "--locale-provider", "icu", "--icu-locale", "en-US"))
	if err != nil {
		if err := os.RemoveAll(c.data()); err != nil {
			return err
		}
		out, err = c.runInit(initdb, append(args, "--locale", "C"))
	}
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (c *Cluster) runInit(initdb string, args []string) ([]byte, error) {
	cmd := exec.Command(initdb, args...)
	cmd.Dir = c.dir
	if err := runAsServer(cmd); err != nil {
		return nil, err
	}
	return cmd.CombinedOutput()
}

func (c *Cluster) start() error {
	settings := map[string]string{
		"port": strconv.Itoa(c.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": c.dir,
		"max_connections": "400", "shared_buffers": "64MB", "max_wal_size": "256MB", "autovacuum_naptime": "1h", "log_min_messages": "warning",
	}
	if c.options.Statements {
		settings["log_statement"], settings["log_parameter_max_length"] = "all", "0"
	}
	if !c.options.Durable {
		settings["fsync"], settings["full_page_writes"] = "off", "off"
	}
	args := []string{"-c", supervise, "sh", c.postgres, "-D", c.data()}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("/bin/sh", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, log, log
	cmd.Env = append(os.Environ(), "CLUSTER="+c.dir)
	if err := runAsServer(cmd); err != nil {
		return err
	}
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	c.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }()
	if err := c.await(); err != nil {
		c.Stop()
		text := make([]byte, 4096)
		n, _ := log.ReadAt(text, 0) // the file is gone by now, its content is not
		return fmt.Errorf("the PostgreSQL server did not start: %w\n%s", err, text[:n])
	}
	return nil
}

// await returns when the server answers, or an error when it ended instead.
func (c *Cluster) await() error {
	limit := time.After(startLimit)
	for {
		conn, err := pgx.Connect(context.Background(), c.URL())
		if err == nil {
			return conn.Close(context.Background())
		}
		select {
		case <-c.ended:
			return errors.New("it ended at once")
		case <-limit:
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// binaries finds initdb and postgres: on PATH, or where Debian and its children
// keep them, the newest version first.
func binaries() (initdb, postgres string, err error) {
	folders := filepath.SplitList(os.Getenv("PATH"))
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(debian, func(a, b string) int { return versionOf(b) - versionOf(a) })
	for _, folder := range append(folders, debian...) {
		initdb, postgres = filepath.Join(folder, "initdb"), filepath.Join(folder, "postgres")
		if isProgram(initdb) && isProgram(postgres) {
			return initdb, postgres, nil
		}
	}
	return "", "", ErrNoPostgres
}

func versionOf(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
