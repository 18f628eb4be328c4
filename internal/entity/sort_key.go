package entity

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
)

// A sort key is a value as bytes whose order is the order of the values, the same on
// every database. The keys of one field are compared with each other only.
//
// Two values have the same key exactly when they are equal as the API compares them:
// texts without regard to case, decimals by value (1.5 is 1.50), moments by instant.

const (
	// sortKeyMax bounds a key, because an index entry must fit on a page.
	sortKeyMax = 512
	sortKeyCut = sortKeyMax - sha256.Size
)

// Sorted tells whether values of the field have sort keys, so that it can be indexed
// and be a match key.
func (f *Field) Sorted() bool {
	_, ok := kinds[f.Type].(sorted)
	return ok
}

// Keys are the sort keys of a value: none for nil or a type without order, one for
// each option of a multi-select, one otherwise.
func (f *Field) Keys(v Value) [][]byte {
	k, ok := kinds[f.Type].(sorted)
	if !ok || v == nil {
		return nil
	}
	return k.keys(v)
}

// KeyPrefix is what the keys of all texts begin with that begin with prefix, as far as
// keys tell. ok is false for types that are not texts.
func (f *Field) KeyPrefix(prefix string) (key []byte, ok bool) {
	switch kinds[f.Type].(type) {
	case textKind, textareaKind, emailKind, phoneKind, urlKind, dateKind:
	default:
		return nil, false
	}
	folded := Fold(prefix)
	return []byte(folded[:min(len(folded), sortKeyCut)]), true
}

// sorted is a kind whose values have an order.
type sorted interface{ keys(v Value) [][]byte }

// textKeys is sorted for kinds whose values are texts.
type textKeys struct{}

func (textKeys) keys(v Value) [][]byte {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	return [][]byte{textKey(s)}
}

// textKey is the folded text. A long one is cut and ends with the hash of the whole,
// so that equality stays exact and order is exact up to there.
func textKey(s string) []byte {
	s = Fold(s)
	if len(s) <= sortKeyCut {
		return []byte(s)
	}
	sum := sha256.Sum256([]byte(s))
	return append([]byte(s[:sortKeyCut]), sum[:]...)
}

// decimalKey is one byte for sign and presence, the number of digits before the point,
// then the digits. For negative numbers all bytes behind the first are inverted and
// closed with 0xff, which turns the order around.
func decimalKey(d Decimal) []byte {
	negative, whole, fraction := d.parts()
	whole = strings.TrimLeft(whole, "0")
	fraction = strings.TrimRight(fraction, "0")
	exponent := len(whole)
	digits := whole + fraction
	if whole == "" {
		digits = strings.TrimLeft(fraction, "0")
		exponent = len(digits) - len(fraction)
	}
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return []byte{0x80}
	}
	key := append([]byte{0x81, byte(0x80 + exponent)}, digits...)
	if !negative {
		return key
	}
	key[0] = 0x7f
	for i := 1; i < len(key); i++ {
		key[i] = ^key[i]
	}
	return append(key, 0xff)
}

// timeKey is microseconds since 1970 with the sign turned, so that earlier is less.
func timeKey(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(t.UnixMicro())^1<<63)
}

// KeyAfter is the least key that is greater than every key beginning with prefix; nil
// when there is none.
func KeyAfter(prefix []byte) []byte {
	after := bytes.TrimRight(prefix, "\xff")
	if len(after) == 0 {
		return nil
	}
	after = bytes.Clone(after)
	after[len(after)-1]++
	return after
}

func (numberKind) keys(v Value) [][]byte {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	return [][]byte{decimalKey(Decimal(s))}
}

func (datetimeKind) keys(v Value) [][]byte {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return nil
	}
	return [][]byte{timeKey(t)}
}

func (checkboxKind) keys(v Value) [][]byte {
	if v == true {
		return [][]byte{{1}}
	}
	return [][]byte{{0}}
}

func (multiSelectKind) keys(v Value) [][]byte {
	options, _ := v.([]string)
	keys := make([][]byte, len(options))
	for i, o := range options {
		keys[i] = textKey(o)
	}
	return keys
}
