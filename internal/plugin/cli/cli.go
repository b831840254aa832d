// Package cli is what the verbs of kubectl clientgrants share: how a tenant is reached, what a terminal is told, and exit codes.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Exit codes.
const (
	// CodeError: nothing was done, and the message says why.
	CodeError = 1
	// CodeRefused: done, and something is refused.
	CodeRefused = 3
)

// ExitError ends the program with a code other than CodeError. Its text is told as it stands.
type ExitError struct {
	Code int
	Text string
}

// Error is the text.
func (e *ExitError) Error() string { return e.Text }

// Code is the exit code that an error stands for.
func Code(err error) int {
	if exit, ok := errors.AsType[*ExitError](err); ok {
		return exit.Code
	}
	if err != nil {
		return CodeError
	}
	return 0
}

// ReadFile reads a file that the user names, - for standard input.
func (c *Connection) ReadFile(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(c.Streams.In)
	}
	return os.ReadFile(path) //nolint:gosec // whoever runs the program may read what he names
}

// Printable makes one line of a text from elsewhere: control characters become spaces, and direction marks are dropped.
func Printable(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r >= 0x7f && r <= 0x9f, r == 0x2028, r == 0x2029, r == 0xfeff:
			return ' '
		case r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return strings.TrimSpace(text)
}

// lineStart goes back to the start of a line of progress.
const lineStart = "\r\x1b[K"

// onTerminal says whether a person reads what is told.
func (c *Connection) onTerminal() bool {
	file, ok := c.Streams.ErrOut.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// progress tells on a terminal how far a long read is, and nothing elsewhere.
func (c *Connection) progress(what string, read int) {
	if c.onTerminal() {
		_, _ = fmt.Fprintf(c.Streams.ErrOut, lineStart+"Read %d %s", read, what)
	}
}

// Say tells something beside the output of a verb.
func (c *Connection) Say(format string, args ...any) {
	text := Printable(fmt.Sprintf(format, args...)) + "\n"
	if c.onTerminal() {
		text = lineStart + text
	}
	_, _ = fmt.Fprint(c.Streams.ErrOut, text)
}
