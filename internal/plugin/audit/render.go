package audit

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/internal/plugin/cli"
)

// version of the JSON and YAML form.
const version = "audit.clientgrants.dev/v1"

// report is the JSON and YAML form of an audit. Members are only added.
type report struct {
	APIVersion string `json:"apiVersion"`
	Tenant     string `json:"tenant"`
	Grants     []Row  `json:"grants"`
}

// Formats of -o.
func formats() []string { return []string{"table", "wide", "csv", "markdown", "json", "yaml"} }

// Write writes the rows in one of the formats.
func Write(out io.Writer, format, host string, rows []Row) error {
	r := report{version, host, append([]Row{}, rows...)}
	switch format {
	case "json":
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(r)
	case "yaml":
		text, err := yaml.Marshal(r)
		if err == nil {
			_, err = out.Write(text)
		}
		return err
	case "csv":
		return writeCSV(out, rows)
	case "markdown":
		return writeMarkdown(out, rows)
	}
	return writeTable(out, rows, format == "wide")
}

var columns = []string{
	"CLIENT", "CLIENT NAME", "AUDIENCE", "API NAME", "SUBJECT", "SCOPES", "ORGANIZATIONS", "MANAGED BY", "FINDINGS", "TOKEN LIFETIME", "GRANT ID",
}

// narrow are the columns of a table that is not wide.
var narrow = []int{0, 2, 4, 5, 7, 8}

func (r *Row) cells() []string {
	findings := make([]string, 0, len(r.Findings))
	for _, found := range r.Findings {
		findings = append(findings, string(found.Kind)+": "+found.Text)
	}
	holder, organizations, lifetime := r.ClientID, r.Organizations, ""
	switch {
	case r.DefaultFor != "":
		holder = "default for " + r.DefaultFor
	case holder == "":
		holder = "*"
	}
	if r.AnyOrganization {
		organizations += ", any"
	}
	if r.TokenLifetime > 0 {
		lifetime = strconv.Itoa(r.TokenLifetime) + "s"
	}
	scopes := strings.Join(r.Scopes, " ")
	if r.AllScopes {
		scopes = "*"
	}
	cells := []string{
		holder, r.Client, r.Audience, r.API, r.SubjectType, scopes, organizations, r.ManagedBy, strings.Join(findings, "; "), lifetime, r.GrantID,
	}
	for i := range cells { // Whoever registers an application or an API chooses what stands there.
		cells[i] = cli.Printable(cells[i])
	}
	return cells
}

func writeTable(out io.Writer, rows []Row, wide bool) error {
	shown := func(cells []string) string {
		var kept []string
		for i, cell := range cells {
			if cell == "" {
				cell = "-"
			}
			if wide || slices.Contains(narrow, i) {
				kept = append(kept, cell)
			}
		}
		return strings.Join(kept, "\t") + "\n"
	}
	table := tabwriter.NewWriter(out, 0, 8, 3, ' ', 0)
	lines := append(make([]string, 0, len(rows)+1), shown(columns))
	for i := range rows {
		cells := rows[i].cells()
		if !wide { // The names of kinds are enough beside what one sees anyway.
			cells[8] = kindNames(rows[i].Findings)
		}
		lines = append(lines, shown(cells))
	}
	if _, err := io.WriteString(table, strings.Join(lines, "")); err != nil {
		return err
	}
	return table.Flush()
}

func kindNames(findings []Finding) string {
	names := make([]string, 0, len(findings))
	for _, found := range findings {
		names = append(names, string(found.Kind))
	}
	return strings.Join(slices.Compact(names), ",")
}

// writeCSV keeps a spreadsheet from taking a cell for a formula: names and scopes are chosen by others.
func writeCSV(out io.Writer, rows []Row) error {
	writer := csv.NewWriter(out)
	if err := writer.Write(columns); err != nil {
		return err
	}
	for i := range rows {
		cells := rows[i].cells()
		for j, cell := range cells {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				cells[j] = "'" + cell
			}
		}
		if err := writer.Write(cells); err != nil {
			return err
		}
	}
	writer.Flush()
	return writer.Error()
}

var markdown = strings.NewReplacer("|", `\|`, "<", "&lt;", "[", `\[`, "`", "\\`", "@", "&#64;", "*", `\*`, "_", `\_`, "\\", `\\`)

func writeMarkdown(out io.Writer, rows []Row) error {
	lines := append(make([]string, 0, len(rows)+1), "| "+strings.Join(columns, " | ")+" |\n|"+strings.Repeat(" --- |", len(columns))+"\n")
	for i := range rows {
		cells := rows[i].cells()
		for j := range cells {
			cells[j] = markdown.Replace(cells[j])
		}
		lines = append(lines, "| "+strings.Join(cells, " | ")+" |\n")
	}
	_, err := io.WriteString(out, strings.Join(lines, ""))
	return err
}
