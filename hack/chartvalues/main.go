// Command chartvalues writes the table of a chart's values into its README: a row for each key of values.yaml that has a
// comment above it, with that comment and the default.
//
//	chartvalues CHART
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// What stands between these in the README is replaced.
const (
	begin = "<!-- values: generated from values.yaml by make chart -->\n"
	end   = "<!-- end of values -->\n"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: chartvalues CHART")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "chartvalues:", err)
		os.Exit(1)
	}
}

func write(chart string) error {
	values, err := os.ReadFile(filepath.Join(chart, "values.yaml")) //nolint:gosec // the command line names the chart
	if err != nil {
		return err
	}
	rows, err := table(string(values))
	if err != nil {
		return fmt.Errorf("%s/values.yaml: %w", chart, err)
	}
	path := filepath.Join(chart, "README.md")
	readme, err := os.ReadFile(path) //nolint:gosec // the command line names the chart
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(readme), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s lacks the lines %q and %q", path, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(path, []byte(before+begin+"\n"+rows+"\n"+end+after), 0o644) //nolint:gosec // a README is for everybody
}

// table reads the keys line by line, because a YAML parser of ours has no comments. Keys below a documented one are part
// of its default; a key without a comment must have documented ones below it.
func table(text string) (string, error) {
	var values map[string]any
	if err := yaml.UnmarshalStrict([]byte(text), &values); err != nil {
		return "", err
	}
	rows := strings.Builder{}
	rows.WriteString("| value | default | what it says |\n| --- | --- | --- |\n")
	var path []string
	var comment string
	documented := -1 // the depth of the documented key that the line is part of
	for line := range strings.Lines(text) {
		content := strings.TrimSpace(line)
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		switch {
		case content == "":
			comment = ""
			continue
		case documented >= 0 && depth > documented:
			continue
		case strings.HasPrefix(content, "#"):
			comment += strings.TrimPrefix(content, "#")
			continue
		}
		key, rest, _ := strings.Cut(content, ":")
		path, documented = append(path[:depth], key), -1
		if comment == "" {
			if rest != "" {
				return "", errors.New("no comment says what " + strings.Join(path, ".") + " is")
			}
			continue
		}
		value, err := defaultOf(values, path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&rows, "| `%s` | `%s` | %s |\n", strings.Join(path, "."), value, strings.TrimSpace(comment))
		documented, comment = depth, ""
	}
	return rows.String(), nil
}

func defaultOf(values map[string]any, path []string) (string, error) {
	var value any = values
	for _, key := range path {
		group, ok := value.(map[string]any)
		if !ok {
			return "", errors.New(strings.Join(path, ".") + " is not indented by two spaces for each level")
		}
		value = group[key]
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		return "", err
	}
	text, err = yaml.YAMLToJSON(text)
	return string(text), err
}
