package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// jsonFormat is how answers are written and checked bodies are read.
var jsonFormat = huma.Format{Marshal: writeAnswer, Unmarshal: json.Unmarshal}

// answers is how every answer is written, stored ones included: as encoding/json does,
// but with < and > readable, since no answer is ever part of a web page, and with every
// time in the one form of the API.
var answers = jsonv2.JoinOptions(jsonv1.DefaultOptionsV1(), jsontext.EscapeForHTML(false),
	jsonv2.WithMarshalers(jsonv2.JoinMarshalers(jsonv2.MarshalToFunc(writeTime), jsonv2.MarshalToFunc(writeNumber))))

func writeTime(to *jsontext.Encoder, t time.Time) error {
	if year := t.UTC().Year(); year < 0 || year > 9999 {
		return fmt.Errorf("the year %d cannot be written as RFC 3339", year)
	}
	return to.WriteValue(AppendTime(to.AvailableBuffer(), t))
}

// AppendTime writes a time of the years 0 to 9999 as JSON: RFC 3339 in UTC with six
// digits of the second, always, so that two times can be compared as texts. (time.Format
// costs several times as much.)
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	at := len(b)
	b = append(b, `"0000-00-00T00:00:00.000000Z"`...)
	for _, part := range [...]struct{ from, to, n int }{{1, 5, year}, {6, 8, int(month)}, {9, 11, day}, {12, 14, hour}, {15, 17, minute}, {18, 20, second}, {21, 27, t.Nanosecond() / 1000}} {
		putDigits(b[at+part.from:at+part.to], part.n)
	}
	return b
}

// putDigits writes a number with leading zeros.
func putDigits(to []byte, n int) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = byte('0' + n%10)
		n /= 10
	}
}

// writeNumber keeps the digits of a number, which the newer package would take for a
// text.
func writeNumber(to *jsontext.Encoder, n json.Number) error {
	if n == "" {
		n = "0"
	}
	return to.WriteValue(jsontext.Value(n))
}

// appender is an answer that writes itself: valid JSON, as others are written.
type appender interface {
	AppendJSON(b []byte) ([]byte, error)
}

// scratch holds the room in which answers are written, none of it larger than
// scratchMax.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

const scratchMax = 256 << 10

// AppendText writes a text as JSON. Stored texts are valid UTF-8; if one is not, its bad
// bytes are replaced.
func AppendText(b []byte, s string) ([]byte, error) {
	out, err := jsontext.AppendQuote(b, s)
	if err != nil && len(out) < len(b) {
		return nil, err
	}
	return out, nil
}

// AppendJSON writes a value as every answer is written, and a line end.
func AppendJSON(b []byte, v any) ([]byte, error) {
	var err error
	if a, ok := v.(appender); ok {
		b, err = a.AppendJSON(b)
	} else {
		to := bytes.NewBuffer(b)
		err = jsonv2.MarshalWrite(to, v, answers)
		b = to.Bytes()
	}
	return append(b, '\n'), err
}

// tellLength is how long an answer may be for net/http to see its length by itself.
const tellLength = 2 << 10

// answer is a whole answer as it goes out.
type answer struct{ text *[]byte }

// renderAnswer writes an answer before its head is sent, so that the head can tell the
// length: a long one then goes out in one piece, and who reads it knows how much comes.
func renderAnswer(ctx huma.Context, _ string, v any) (any, error) {
	a := answer{scratch.Get().(*[]byte)}
	var err error
	if *a.text, err = AppendJSON((*a.text)[:0], v); err != nil {
		return nil, err
	}
	if len(*a.text) > tellLength {
		ctx.SetHeader("Content-Length", strconv.Itoa(len(*a.text)))
	}
	return a, nil
}

// writeAnswer sends what renderAnswer made.
func writeAnswer(w io.Writer, v any) error {
	a, ok := v.(answer)
	if !ok {
		return fmt.Errorf("a %T was not made an answer of", v)
	}
	_, err := w.Write(*a.text)
	if cap(*a.text) <= scratchMax {
		scratch.Put(a.text)
	}
	return err
}
