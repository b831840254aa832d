package process_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

// sample is a series in a scrape.
type sample struct {
	name   string
	labels []string
}

var (
	sampleLine = regexp.MustCompile(`(?m)^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$`)
	labelName  = regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"(?:[^"\\]|\\.)*"`)
	// What is in a PromQL expression beside selectors.
	selector  = regexp.MustCompile(`([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?(\s*\()?`)
	duration  = regexp.MustCompile(`\[[^\]]*\]|\b\d+[smhdw]\b`)
	groupings = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	keywords  = []string{"and", "or", "unless", "offset", "bool"}
)

func samplesOf(text string) (samples []sample) {
	for _, line := range sampleLine.FindAllStringSubmatch(text, -1) {
		samples = append(samples, sample{line[1], labelsOf(line[2])})
	}
	return samples
}

func labelsOf(text string) (labels []string) {
	for _, label := range labelName.FindAllStringSubmatch(text, -1) {
		labels = append(labels, label[1])
	}
	return labels
}

// selectorsOf are the series that a PromQL expression names, with the labels that it asks for.
func selectorsOf(expr string) (selectors []sample) {
	expr = groupings.ReplaceAllString(duration.ReplaceAllString(expr, " "), " ")
	for _, found := range selector.FindAllStringSubmatch(expr, -1) {
		if isFunction := found[3] != ""; !isFunction && !slices.Contains(keywords, found[1]) {
			selectors = append(selectors, sample{found[1], labelsOf(found[2])})
		}
	}
	return selectors
}

// groupedBy are the labels that an expression groups or joins by.
func groupedBy(expr string) (labels []string) {
	for _, list := range groupings.FindAllStringSubmatch(expr, -1) {
		labels = append(labels, regexp.MustCompile(`\w+`).FindAllString(list[1], -1)...)
	}
	return labels
}

// checkNames fails unless the alerts and the dashboard ask for series and labels that are in the scrape, and the
// documentation has every metric and every alert.
func checkNames(w *world, scraped string) {
	w.t.Helper()
	samples := samplesOf(scraped)
	labels := []string{"job", "instance"} // Prometheus adds these.
	for _, s := range samples {
		labels = append(labels, s.labels...)
	}
	alerts, exprs := alertsOf(w)
	exprs = append(exprs, queriesOf(w)...)
	asked := 0
	for _, expr := range exprs {
		for _, wanted := range selectorsOf(expr) {
			asked++
			w.Expect(slices.ContainsFunc(samples, func(s sample) bool {
				return s.name == wanted.name && !slices.ContainsFunc(wanted.labels, func(label string) bool {
					return !slices.Contains(s.labels, label)
				})
			})).To(BeTrue(), "%s: no series %s has the labels %q", expr, wanted.name, wanted.labels)
		}
		for _, label := range groupedBy(expr) {
			w.Expect(labels).To(ContainElement(label), expr)
		}
	}
	w.Expect(asked).To(BeNumerically(">", len(exprs)/2), "selectors are found at all")

	content, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	w.Expect(err).NotTo(HaveOccurred())
	for _, alert := range alerts {
		w.Expect(string(content)).To(ContainSubstring("\n### "+alert+"\n"), "the runbook of an alert")
	}
	for _, s := range samples {
		if strings.HasPrefix(s.name, "clientgrant_") {
			w.Expect(string(content)).To(ContainSubstring("| `"+s.name+"` |"), "the table of the metrics")
		}
	}
}

// alertsOf are the names of the shipped alerts, and what they ask for.
func alertsOf(w *world) (names, exprs []string) {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(config, "prometheus", "rules.yaml"))
	w.Expect(err).NotTo(HaveOccurred())
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert       string            `json:"alert"`
				Expr        string            `json:"expr"`
				Annotations map[string]string `json:"annotations"`
			} `json:"rules"`
		} `json:"groups"`
	}
	w.Expect(yaml.Unmarshal(content, &file)).To(Succeed())
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			names, exprs = append(names, rule.Alert), append(exprs, rule.Expr)
			w.Expect(rule.Annotations["runbook_url"]).To(HaveSuffix("/docs/metrics.md#"+strings.ToLower(rule.Alert)), rule.Alert)
		}
	}
	w.Expect(names).NotTo(BeEmpty())
	return names, exprs
}

// queriesOf are what the shipped dashboard asks for.
func queriesOf(w *world) (exprs []string) {
	w.t.Helper()
	content, err := os.ReadFile(filepath.Join(config, "grafana", "dashboard.json"))
	w.Expect(err).NotTo(HaveOccurred())
	var dashboard struct {
		Panels []struct {
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
		Templating struct {
			List []struct {
				Definition string `json:"definition"`
			} `json:"list"`
		} `json:"templating"`
	}
	w.Expect(json.Unmarshal(content, &dashboard)).To(Succeed())
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			exprs = append(exprs, target.Expr)
		}
	}
	for _, variable := range dashboard.Templating.List {
		if list, ok := strings.CutPrefix(variable.Definition, "label_values("); ok {
			name, label, _ := strings.Cut(strings.TrimSuffix(list, ")"), ", ")
			exprs = append(exprs, "sum by ("+label+") ("+name+")")
		}
	}
	w.Expect(exprs).NotTo(BeEmpty())
	return exprs
}
