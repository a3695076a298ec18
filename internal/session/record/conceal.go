package record

// Conceal returns the JSON form of a record without the fields that contain what an app has stored and replied: app and
// replies. If there are none, it returns b itself. The record may be of a later version. The error is ErrForeign if b
// is not one JSON object.
func Conceal(b []byte) ([]byte, error) {
	rest := []byte{'{'}
	hasConcealed := false
	err := eachField(b, func(name, value []byte) {
		if string(name) == `"app"` || string(name) == `"replies"` {
			hasConcealed = true
			return
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(append(append(rest, name...), ':'), value...)
	})
	switch {
	case err != nil:
		return nil, err
	case !hasConcealed:
		return b, nil
	}
	return append(rest, '}'), nil
}
