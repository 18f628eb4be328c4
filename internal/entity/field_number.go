package entity

// numberKind is an exact decimal, kept as text with the digits sent. A sign +, leading
// zeros and an exponent are written out; trailing zeros stay, because 1.50 and 1.5 may
// mean different things to people.
type numberKind struct{ plain }

func (numberKind) parse(f *Field, raw Raw) (Value, *Problem) {
	if raw.Kind != RawText && raw.Kind != RawNumber {
		return nil, problem("wrong_type", "Send this as a number, for example 1234.50.")
	}
	d, p := ParseDecimal(raw.Text)
	if p != nil {
		return nil, p
	}
	if f.Min != nil && d.Cmp(*f.Min) < 0 {
		return nil, problem("too_small", "This must be at least "+string(*f.Min)+".")
	}
	if f.Max != nil && d.Cmp(*f.Max) > 0 {
		return nil, problem("too_large", "This must be at most "+string(*f.Max)+".")
	}
	if f.Step != nil && !d.IsStep(*f.Step, f.Min) {
		detail := "This must be a multiple of " + string(*f.Step) + "."
		if f.Min != nil && f.Min.Cmp("0") != 0 {
			detail = "This must be " + string(*f.Min) + " or go up from there in steps of " + string(*f.Step) + "."
		}
		return nil, problem("wrong_step", detail)
	}
	return string(d), nil
}

func (numberKind) wire(v Value) any {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	return Decimal(s)
}

func (numberKind) check(f *Field) (string, string) {
	switch {
	case f.Min != nil && f.Max != nil && f.Min.Cmp(*f.Max) > 0:
		return "min", "The smallest value must not be greater than the greatest."
	case f.Step != nil && f.Step.Cmp("0") <= 0:
		return "step", "The step must be greater than 0."
	}
	return "", ""
}
