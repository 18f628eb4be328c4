// Package scanners holds our API keys against what others use to find secrets in
// source code. It is a module of its own, so that the scanner never becomes a
// dependency of the product.
package scanners
