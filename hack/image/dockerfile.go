package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// configOf reads what the last stage of the Dockerfile says of the image: USER, ENTRYPOINT and LABEL, so that both ways to
// build it agree.
func configOf(path, version string) (v1.Config, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the command line names it
	if err != nil {
		return v1.Config{}, err
	}
	config := v1.Config{Labels: map[string]string{}}
	for line := range strings.Lines(string(content)) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch instruction {
		case "FROM":
			config = v1.Config{Labels: map[string]string{}}
		case "USER":
			config.User = rest
		case "ENTRYPOINT":
			err = json.Unmarshal([]byte(rest), &config.Entrypoint)
		case "LABEL":
			key, quoted, _ := strings.Cut(rest, "=")
			var value string
			value, err = strconv.Unquote(quoted)
			config.Labels[key] = strings.ReplaceAll(value, "$VERSION", version)
		}
		if err != nil {
			return v1.Config{}, fmt.Errorf("%s: %q: write it as LABEL key=\"value\" or ENTRYPOINT [\"program\"], on one line: %w", path, line, err)
		}
	}
	if config.User == "" || len(config.Entrypoint) == 0 {
		return v1.Config{}, errors.New(path + ": the last stage has no USER or no ENTRYPOINT")
	}
	return config, nil
}
