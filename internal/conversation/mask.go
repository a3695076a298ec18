package conversation

import "strings"

// Hidden replaces the part of an address that Mask hides.
const Hidden = "•••"

// Mask hides the middle of an address, for logs and screens: +15551234567 becomes +1555•••4567. A short address keeps
// only its last two characters, or none. The prefix of a channel, for example whatsapp:, is kept.
func Mask(address string) string {
	begin := strings.IndexByte(address, ':') + 1
	channel, number := address[:begin], []rune(address[begin:])
	switch n := len(number); {
	case n >= 12:
		return channel + string(number[:len("+1555")]) + Hidden + string(number[n-4:])
	case n > 4:
		return channel + Hidden + string(number[n-2:])
	default:
		return channel + Hidden
	}
}
