package httpd

import (
	"context"
	"io"
	"net/http"
	"time"
)

// takeWithin is how long a caller may take for one piece of a download.
const takeWithin = 30 * time.Second

// ServeDownload answers with a file of unknown length, whose headers are set. run writes
// it, in pieces that are not small. A caller that takes nothing is given up.
//
// When run fails or ctx ends before it is done, the connection is broken off, so that
// the caller does not take a part of the file for all of it: ServeDownload panics with
// http.ErrAbortHandler then. A HEAD request gets the head.
func ServeDownload(ctx context.Context, w http.ResponseWriter, r *http.Request, run func(io.Writer) error) {
	d := &download{w: w, out: http.NewResponseController(w), ctx: ctx}
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // its deadlines would be those of the next answer
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cut)
		_ = d.out.SetWriteDeadline(time.Now())
	})
	err := run(d)
	if !stop() {
		<-cut // the connection is not ours any more after the return
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		if !d.gone {
			From(r.Context()).Err = err // the answer has begun: only the log can be told
		}
		panic(http.ErrAbortHandler)
	}
}

// download is the body of an answer that may go on for long.
type download struct {
	w    http.ResponseWriter
	out  *http.ResponseController
	ctx  context.Context
	gone bool // the caller takes nothing any more
}

// Write implements io.Writer.
func (d *download) Write(b []byte) (int, error) {
	_ = d.out.SetWriteDeadline(time.Now().Add(takeWithin))
	if err := d.ctx.Err(); err != nil { // the cut may have come before the deadline above
		return 0, err
	}
	n, err := d.w.Write(b)
	d.gone = d.gone || err != nil
	return n, err
}
