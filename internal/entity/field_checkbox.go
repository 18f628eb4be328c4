package entity

import "strings"

// checkboxKind is yes or no, in the words that JSON and forms have for it.
type checkboxKind struct{ plain }

func (checkboxKind) parse(_ *Field, raw Raw) (Value, *Problem) {
	switch raw.Kind {
	case RawBool:
		return raw.Bool, nil
	case RawText, RawNumber:
		switch strings.ToLower(strings.TrimSpace(raw.Text)) {
		case "true", "yes", "on", "1":
			return true, nil
		case "false", "no", "off", "0":
			return false, nil
		}
	}
	return nil, problem("not_yes_or_no", "Send true or false.")
}

func (checkboxKind) text(_ *Field, v Value) string {
	if v == true {
		return "Yes"
	}
	return "No"
}

func (checkboxKind) search(*Field, Value) string { return "" }
