// Package id makes and reads the identifiers of Leadflip: UUIDs of version 7
// (RFC 9562), whose order is the order of their making to the millisecond. An id
// is never a secret and never looks like one.
package id

import (
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// ID is a UUID. Its zero value means "none" and is stored as NULL.
type ID [16]byte

// Nil is the absent id.
var Nil ID

// New returns a UUIDv7 for the present moment.
func New() ID { return At(time.Now()) }

// At returns a UUIDv7 for the moment t: 48 bits of milliseconds, 74 random bits.
func At(t time.Time) ID {
	var u ID
	_, _ = rand.Read(u[6:]) // never fails (crypto/rand ends the program instead)
	ms := uint64(t.UnixMilli())
	for i := 5; i >= 0; i-- {
		u[i] = byte(ms)
		ms >>= 8
	}
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return u
}

var errShape = errors.New("not a UUID: expected 36 characters such as 0197b1c2-5d3e-7abc-8def-0123456789ab")

// Parse reads the 36-character form, in any letter case, and nothing else.
func Parse(s string) (ID, error) {
	var u ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return Nil, errShape
	}
	bad := byte(0)
	for i, at := range digitsAt {
		high, low := digits[s[at]], digits[s[at+1]]
		u[i] = high<<4 | low&0xf
		bad |= high | low
	}
	if bad > 0xf {
		return Nil, errShape
	}
	return u, nil
}

// digitsAt is where the two digits of each byte stand. digits are the values of the
// hexadecimal digits, and 0xff for all that is none.
var (
	digitsAt = [16]byte{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}
	digits   = func() (all [256]byte) {
		for i := range all {
			all[i] = 0xff
		}
		for i := range byte(16) {
			all["0123456789abcdef"[i]], all["0123456789ABCDEF"[i]] = i, i
		}
		return all
	}()
)

// MustParse is Parse for constants in tests.
func MustParse(s string) ID {
	u, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// IsNil reports whether there is no id.
func (u ID) IsNil() bool { return u == Nil }

func (u ID) String() string {
	var b [36]byte
	return string(u.Append(b[:0]))
}

// Append adds the text form to b.
func (u ID) Append(b []byte) []byte {
	from := len(b)
	b = append(b, "00000000-0000-0000-0000-000000000000"...)
	text := b[from:]
	for i, at := range digitsAt {
		text[at], text[at+1] = "0123456789abcdef"[u[i]>>4], "0123456789abcdef"[u[i]&0xf]
	}
	return b
}

// MarshalText implements encoding.TextMarshaler.
func (u ID) MarshalText() ([]byte, error) { return u.Append(nil), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *ID) UnmarshalText(b []byte) error { return u.UnmarshalString(string(b)) }

// UnmarshalString is UnmarshalText for a string.
func (u *ID) UnmarshalString(s string) error {
	v, err := Parse(s)
	if err != nil {
		return err
	}
	*u = v
	return nil
}

// Value implements driver.Valuer: the text form, or NULL for the absent id.
func (u ID) Value() (driver.Value, error) {
	if u.IsNil() {
		return nil, nil
	}
	return u.String(), nil
}

// Scan implements sql.Scanner.
func (u *ID) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*u = Nil
		return nil
	case string:
		return u.UnmarshalText([]byte(v))
	case []byte:
		if len(v) == 16 {
			copy(u[:], v)
			return nil
		}
		return u.UnmarshalText(v)
	case [16]byte:
		*u = v
		return nil
	}
	return fmt.Errorf("id: cannot read a %T", src)
}
