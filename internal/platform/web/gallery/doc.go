// Package gallery is a picture book of every component of package web, in every state.
//
// It is for people who work on the looks: only its own tests import it, so nothing of it is in the product. To see it:
//
//	LEADFLIP_GALLERY=127.0.0.1:8099 go test -run TestServe -timeout 0 ./internal/platform/web/gallery
package gallery
