package page_test

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/platform/page"
)

func TestCursorIsRefusedWhenAnythingChanged(t *testing.T) {
	c := page.NewCodec([]byte("a secret of the instance"))
	rapid.Check(t, func(t *rapid.T) {
		bind := rapid.String().Draw(t, "bind")
		position := rapid.SliceOf(rapid.Byte()).Draw(t, "position")
		cursor := c.Encode(bind, position)

		got, err := c.Decode(bind, cursor)
		if err != nil || !bytes.Equal(got, position) {
			t.Fatalf("Decode(%q) = %q, %v", cursor, got, err)
		}
		if _, err := c.Decode(bind+"x", cursor); err == nil {
			t.Fatal("accepted for another query")
		}
		if _, err := page.NewCodec([]byte("another")).Decode(bind, cursor); err == nil {
			t.Fatal("accepted with another secret")
		}
		i := rapid.IntRange(0, len(cursor)-1).Draw(t, "byte")
		b := rapid.ByteRange(1, 255).Draw(t, "change")
		changed := []byte(cursor)
		changed[i] ^= b
		if _, err := c.Decode(bind, string(changed)); err == nil {
			t.Fatalf("accepted after byte %d of %q was changed", i, cursor)
		}
	})
}

func FuzzDecode(f *testing.F) {
	c := page.NewCodec([]byte("secret"))
	f.Add(c.Encode("b", []byte("p")))
	f.Add("")
	f.Add("not a cursor")
	f.Add("sc\nB8AP8N2aHkVub2wxx0rnA") // a cursor with a line end in it
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := c.Decode("b", s); err == nil && c.Encode("b", p) != s {
			t.Fatalf("%q was accepted but is not what Encode makes", s)
		}
	})
}
