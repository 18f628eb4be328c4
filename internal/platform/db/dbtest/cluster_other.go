//go:build !unix

package dbtest

import "os/exec"

func giveToServer(...string) error { return ErrNoPostgres }

func runAsServer(*exec.Cmd) error { return ErrNoPostgres }

func endProcess(int, bool) error { return ErrNoPostgres }

func isAlive(int) bool { return false }
