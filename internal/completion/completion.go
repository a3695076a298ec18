// Package completion completes the command line of smsession in bash, zsh and fish. A short script in the shell asks
// the program for candidates, so they always fit the installed version.
package completion

import (
	"embed"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Candidate is a word that may come next on a command line.
type Candidate struct {
	Word string
	Help string // a sentence about it; may be empty
}

// Files is the word of the only candidate if the shell should complete the name of a file.
const Files = ":files"

//go:embed scripts
var scripts embed.FS

// Script returns the text that makes a shell complete the command line of smsession. The shell is bash, zsh or fish.
// The error is an *fs.PathError for any other shell.
func Script(shell string) (string, error) {
	text, err := scripts.ReadFile("scripts/smsession." + shell)
	return string(text), err
}

// Candidates returns the words that may replace the last word of a command line, which may be empty. The words do not
// include the name of the program. An equals sign may be a word of its own, as in bash.
func Candidates(model *kong.Application, words []string) []Candidate {
	line := reader{node: model.Node}
	last := ""
	for i, word := range words {
		if last = word; i < len(words)-1 {
			line.read(word)
		}
	}
	if last == "=" {
		last = ""
	}
	return line.complete(last)
}

// reader reads a command line word by word.
type reader struct {
	node  *kong.Node   // the command so far
	value *kong.Flag   // the flag whose value comes next; nil if there is none
	used  []*kong.Flag // the flags so far
	only  bool         // whether only arguments may follow, after two dashes
}

// read reads a word that is complete.
func (r *reader) read(word string) {
	switch {
	case word == "=":
	case r.value != nil:
		r.value = nil
	case r.only:
	case word == "--":
		r.only = true
	case strings.HasPrefix(word, "-"):
		name, _, hasValue := strings.Cut(word, "=")
		if flag := r.flag(name); flag != nil {
			r.used = append(r.used, flag)
			if !hasValue && !flag.IsBool() {
				r.value = flag
			}
		}
	default:
		for _, child := range r.node.Children {
			if child.Name == word {
				r.node = child
			}
		}
	}
}

// flags returns the flags of the command that the help shows.
func (r *reader) flags() []*kong.Flag { return slices.Concat(r.node.AllFlags(true)...) }

// flag returns the flag with a name such as --json or -y, or nil.
func (r *reader) flag(name string) *kong.Flag {
	for _, f := range r.flags() {
		isAlias := slices.ContainsFunc(f.Aliases, func(alias string) bool { return name == "--"+alias })
		if name == "--"+f.Name || isAlias || f.Short != 0 && name == "-"+string(f.Short) {
			return f
		}
	}
	return nil
}

// complete returns the words that begin with the last word, or Files.
func (r *reader) complete(last string) []Candidate {
	if name, _, hasValue := strings.Cut(last, "="); hasValue && r.value == nil && !r.only {
		if flag := r.flag(name); flag != nil {
			return startingWith(last, prefixed(name+"=", valuesOf(flag)))
		}
	}
	switch {
	case r.value != nil:
		return startingWith(last, valuesOf(r.value))
	case strings.HasPrefix(last, "-") && !r.only:
		return startingWith(last, r.flagWords())
	}
	var words []Candidate
	for _, child := range r.node.Children {
		if !child.Hidden {
			words = append(words, Candidate{child.Name, child.Help})
		}
	}
	for _, argument := range r.node.Positional {
		words = append(words, enumOf(argument)...)
	}
	return startingWith(last, words)
}

// flagWords returns the flags that were not used before.
func (r *reader) flagWords() (words []Candidate) {
	for _, f := range r.flags() {
		if !slices.Contains(r.used, f) {
			words = append(words, Candidate{"--" + f.Name, f.Help})
		}
	}
	return words
}

// valuesOf returns the values of a flag. The name of a file is left to the shell.
func valuesOf(f *kong.Flag) []Candidate {
	if f.PlaceHolder == "PATH" || f.PlaceHolder == "FILE" {
		return []Candidate{{Word: Files}}
	}
	if options := strings.Split(f.PlaceHolder, "|"); len(options) > 1 { // true|false
		return candidates(options)
	}
	return enumOf(f.Value)
}

// enumOf returns the values of a flag or an argument that has only some.
func enumOf(v *kong.Value) []Candidate {
	if v.Enum == "" {
		return nil
	}
	return candidates(v.EnumSlice())
}

func candidates(words []string) (list []Candidate) {
	for _, word := range words {
		if word != "" {
			list = append(list, Candidate{Word: word})
		}
	}
	return list
}

// prefixed puts a prefix before each word except Files.
func prefixed(prefix string, words []Candidate) []Candidate {
	for i := range words {
		if words[i].Word != Files {
			words[i].Word = prefix + words[i].Word
		}
	}
	return words
}

// startingWith returns the words that begin with a prefix.
func startingWith(prefix string, words []Candidate) []Candidate {
	return slices.DeleteFunc(words, func(c Candidate) bool {
		return c.Word != Files && !strings.HasPrefix(c.Word, prefix)
	})
}
