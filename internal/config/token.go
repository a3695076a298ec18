package config

import (
	"errors"
	"strings"

	"smsession/internal/twilio"
)

// parseAccountSIDs does not quote the text, because it may be the auth token, which Twilio's console shows next to the
// account SID.
func parseAccountSIDs(text string) ([]string, error) {
	var sids []string
	for sid := range strings.SplitSeq(text, ",") {
		sid = strings.TrimSpace(sid)
		if !twilio.IsAccountSID(sid) {
			return nil, errors.New("must be an account SID (AC and 32 hexadecimal digits); several are separated by commas")
		}
		sids = append(sids, sid)
	}
	return sids, nil
}
