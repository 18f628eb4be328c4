//go:build unix

package dbtest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// serverUser is whom the server runs as, because PostgreSQL refuses to run as root:
// nil for the user of this process.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
	}
	return nil, errors.New("this process is root, which PostgreSQL refuses, and there is neither a user postgres nor nobody")
}

// giveToServer hands files to the user the server runs as.
func giveToServer(paths ...string) error {
	who, err := serverUser()
	if who == nil {
		return err
	}
	for _, path := range paths {
		if err := os.Chown(path, int(who.Uid), int(who.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// runAsServer prepares cmd to run as the server's user, in a process group of its
// own, so that an interrupt at the terminal leaves it to clean up.
func runAsServer(cmd *exec.Cmd) error {
	who, err := serverUser()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setpgid: true}
	return err
}

// endProcess ends a process of the server at once. That it is gone already is fine.
func endProcess(pid int, kill bool) error {
	signal := syscall.SIGQUIT
	if kill {
		signal = syscall.SIGKILL
	}
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

func isAlive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
