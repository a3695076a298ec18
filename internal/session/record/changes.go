package record

import "bytes"

// chunk is the number of bytes that AppendChanges compares at once.
const chunk = 64

// AppendChanges appends what turns one JSON form into another: offsets, each with the bytes to write there. If the
// forms are not equally long, or differ in more than a half, it appends only the other form. Almost all changes of a
// full record are small.
func AppendChanges(args []any, before, after []byte) []any {
	if len(before) != len(after) {
		return append(args, after)
	}
	changes := args
	begin, end, size := 0, 0, 0 // of the last change; size is the sum of all
	for i := 0; i < len(after); i += chunk {
		next := min(i+chunk, len(after))
		if bytes.Equal(before[i:next], after[i:next]) {
			continue
		}
		if i <= end+chunk && size > 0 { // a command costs Redis more than the bytes in between
			size -= end - begin
			changes = changes[:len(changes)-2]
		} else {
			begin = i
		}
		end = next
		size += end - begin
		changes = append(changes, begin, after[begin:end])
	}
	if size > len(after)/2 {
		return append(args, after)
	}
	return changes
}
