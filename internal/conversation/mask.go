package conversation

import "strings"

// Mask hides the middle of an address, for logs and screens: +15551234567 becomes +1555•••4567. A short address keeps
// only its last two characters. The prefix of a channel stays.
func Mask(address string) string {
	number := address
	if i := strings.IndexByte(address, ':'); i >= 0 {
		number = address[i+1:]
	}
	channel := address[:len(address)-len(number)]
	const head, tail = len("+1555"), 4
	runes := []rune(number)
	switch n := len(runes); {
	case n >= head+tail+3:
		return channel + string(runes[:head]) + "•••" + string(runes[n-tail:])
	case n > 4:
		return channel + "•••" + string(runes[n-2:])
	default:
		return channel + "•••"
	}
}
