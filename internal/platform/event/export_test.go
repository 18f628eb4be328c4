package event

// Followed is the number of environments that are being polled.
func (t *Tail) Followed() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.envs)
}
