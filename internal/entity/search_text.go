package entity

// SearchText is what a search finds a value by, before folding.
func (f *Field) SearchText(v Value) string {
	if s, ok := v.(string); ok {
		return s
	}
	return f.Show(v)
}
