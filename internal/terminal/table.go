package terminal

import (
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the rows in columns that are two spaces apart. It escapes every cell. The columns are as wide as
// their widest cell, so nothing is written before the last row is known. It returns the error of w.
func WriteTable(w io.Writer, rows ...[]string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = Escape(cell)
		}
		if _, err := io.WriteString(table, strings.Join(cells, "\t")+"\n"); err != nil {
			return err
		}
	}
	return table.Flush()
}
