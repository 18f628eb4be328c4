package entity

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// Files that are a container of another kind, or plain text, whose content alone does
// not say what they are for. The name decides among the kinds that the content allows.
var (
	zipTypes = map[string]string{
		".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
		".odt":  "application/vnd.oasis.opendocument.text",
		".ods":  "application/vnd.oasis.opendocument.spreadsheet",
		".odp":  "application/vnd.oasis.opendocument.presentation",
	}
	oleTypes = map[string]string{
		".doc": "application/msword", ".xls": "application/vnd.ms-excel", ".ppt": "application/vnd.ms-powerpoint", ".msg": "application/vnd.ms-outlook",
	}
	textTypes = map[string]string{".csv": "text/csv", ".md": "text/markdown", ".vcf": "text/vcard", ".ics": "text/calendar"}

	oleMagic = []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
)

// sniff is the media type of a file by its content.
func sniff(name string, content []byte) string {
	t, _, _ := strings.Cut(http.DetectContentType(content), ";")
	ext := strings.ToLower(extension(name))
	var finer string
	switch {
	case t == "application/zip":
		finer = zipTypes[ext]
	case bytes.HasPrefix(content, oleMagic):
		finer = oleTypes[ext]
	case t == "text/plain" && ext == ".json" && json.Valid(content):
		finer = "application/json"
	case t == "text/plain":
		finer = textTypes[ext]
	}
	if finer != "" {
		return finer
	}
	return t
}
