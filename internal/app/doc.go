// Package app is the only place that knows every room: it turns the configuration
// into rooms, the rooms into servers, and stops them again without losing anything.
// It also has the commands, which use the same rooms beside a running server.
package app
