// Package id makes and reads the identifiers of Leadflip: UUIDs of version 7
// (RFC 9562), whose order is the order of their making to the millisecond. An id
// is never a secret and never looks like one.
package id

import (
	"crypto/rand"
	"database/sql/driver"
	"encoding/hex"
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
	for i, part := range [5][2]int{{0, 8}, {9, 13}, {14, 18}, {19, 23}, {24, 36}} {
		if _, err := hex.Decode(u[[5]int{0, 4, 6, 8, 10}[i]:], []byte(s[part[0]:part[1]])); err != nil {
			return Nil, errShape
		}
	}
	return u, nil
}

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
	hex.Encode(b[0:8], u[0:4])
	b[8] = '-'
	hex.Encode(b[9:13], u[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], u[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], u[8:10])
	b[23] = '-'
	hex.Encode(b[24:36], u[10:16])
	return string(b[:])
}

// MarshalText implements encoding.TextMarshaler.
func (u ID) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *ID) UnmarshalText(b []byte) error {
	v, err := Parse(string(b))
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
