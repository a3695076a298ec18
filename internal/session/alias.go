package session

import "smsession/internal/session/record"

// The names under which other packages still know what is in package record.
type (
	Keys   = record.Keys
	Record = record.Record
)

// MaxValue is record.MaxSize.
const MaxValue = record.MaxSize

// TokenLength returns record.TokenLength.
func TokenLength() int { return record.TokenLength }

// IsToken calls record.IsToken.
func IsToken(s string) bool { return record.IsToken(s) }

// Parse calls record.Parse.
func Parse(b []byte) (*Record, error) {
	r, err := record.Parse(b)
	if err != nil {
		return nil, err
	}
	return &r, nil
}
