package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
)

// exchange is one request and its answer, as the simulator wrote them down.
type exchange struct {
	Method              string `json:"method"`
	Path                string `json:"path"`
	Query               string `json:"query"`
	RequestContentType  string `json:"requestContentType"`
	RequestBody         body   `json:"requestBody"`
	Status              int    `json:"status"`
	ResponseContentType string `json:"responseContentType"`
	ResponseBody        body   `json:"responseBody"`
	// Fault says that the simulator was told to do something else than answer.
	Fault fault `json:"fault"`
	// CorrelationID is on every request of the product's client, and on none of the simulator's own tests.
	CorrelationID string `json:"correlationID"`

	// source is the file and line that it was read from.
	source string
}

// body is the text of a body. It may stand in the file as a string, or as the JSON value that it is.
type body string

// UnmarshalJSON implements [json.Unmarshaler].
func (b *body) UnmarshalJSON(data []byte) error {
	switch {
	case string(data) == "null":
		return nil
	case data[0] == '"':
		return json.Unmarshal(data, (*string)(b))
	}
	*b = body(data)
	return nil
}

// fault may stand in the file as its name, or as true.
type fault bool

// UnmarshalJSON implements [json.Unmarshaler].
func (f *fault) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "null", "false", `""`:
		return nil
	}
	*f = true
	return nil
}

// exchanges reads every *.jsonl file of a folder.
func exchanges(folder string) iter.Seq2[*exchange, error] {
	return func(yield func(*exchange, error) bool) {
		files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
		if err != nil {
			yield(nil, err)
			return
		}
		for _, file := range files {
			if !exchangesOfFile(file, yield) {
				return
			}
		}
	}
}

func exchangesOfFile(file string, yield func(*exchange, error) bool) bool {
	opened, err := os.Open(file)
	if err != nil {
		return yield(nil, err)
	}
	defer func() { _ = opened.Close() }()
	// Not a Scanner: a listing of a thousand grants is longer than its lines may be.
	reader := bufio.NewReader(opened)
	for line := 1; ; line++ {
		text, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return true
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return yield(nil, err)
		}
		read := exchange{source: fmt.Sprintf("%s:%d", filepath.Base(file), line)}
		if err := json.Unmarshal(text, &read); err != nil {
			return yield(nil, fmt.Errorf("%s: %w", read.source, err))
		}
		if !yield(&read, nil) {
			return false
		}
	}
}
