package httpd

import (
	"net/http"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

// statusOf maps what a caller can do about a problem to its HTTP status.
var statusOf = map[errs.Kind]int{
	errs.KindInternal: http.StatusInternalServerError, errs.KindMalformed: http.StatusBadRequest, errs.KindUnauthenticated: http.StatusUnauthorized,
	errs.KindForbidden: http.StatusForbidden, errs.KindNotFound: http.StatusNotFound, errs.KindMethod: http.StatusMethodNotAllowed,
	errs.KindNotAcceptable: http.StatusNotAcceptable, errs.KindConflict: http.StatusConflict, errs.KindPrecondition: http.StatusPreconditionFailed,
	errs.KindTooLarge: http.StatusRequestEntityTooLarge, errs.KindURITooLong: http.StatusRequestURITooLong, errs.KindMediaType: http.StatusUnsupportedMediaType,
	errs.KindInvalid: http.StatusUnprocessableEntity, errs.KindTooMany: http.StatusTooManyRequests, errs.KindUnavailable: http.StatusServiceUnavailable,
	errs.KindStorageFull: http.StatusInsufficientStorage,
}

// Status is the HTTP status of a problem code.
func Status(c errs.Code) int {
	if e, ok := errs.Explain(c); ok {
		return statusOf[e.Kind]
	}
	return http.StatusInternalServerError
}

// Allowed lists the methods under which a path exists on mux, for the Allow header of
// a 405. except is a catch-all pattern that does not count.
func Allowed(mux *http.ServeMux, r *http.Request, except string) []string {
	var allow []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := *r
		other.Method = m
		if _, pattern := mux.Handler(&other); pattern != "" && pattern != except {
			allow = append(allow, m)
		}
	}
	return allow
}
