package web

import (
	"strconv"
	"time"
)

// Relative says in words how far t is from now: "3 min ago", "in 5 d". The zero time is "never".
func Relative(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	past := d >= 0
	if !past {
		d = -d
	}
	if d < 10*time.Second {
		if past {
			return "just now"
		}
		return "in a moment"
	}
	text := span(d)
	if past {
		return text + " ago"
	}
	return "in " + text
}

// span rounds down, so that nothing is called older than it is. The script in assets/js/local-time.js does the same.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	n, unit := int64(d/time.Second), "s"
	switch {
	case d >= 365*day:
		n, unit = int64(d/(365*day)), "y"
	case d >= 60*day:
		n, unit = int64(d/(30*day)), "mo"
	case d >= day:
		n, unit = int64(d/day), "d"
	case d >= time.Hour:
		n, unit = int64(d/time.Hour), "h"
	case d >= time.Minute:
		n, unit = int64(d/time.Minute), "min"
	}
	return strconv.FormatInt(n, 10) + " " + unit
}

func utcTitle(t time.Time) string {
	return t.UTC().Format("2 Jan 2006, 15:04:05") + " UTC"
}
