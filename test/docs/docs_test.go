// Package docs_test checks that the documentation keeps up with the product and with itself: every reason and event is
// explained on the page of its kind, links lead somewhere, the index has every page, and words are used as agreed.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var root = filepath.Join("..", "..")

// name is a constant of the API, with what is said of it and of its group.
type name struct {
	constant, value, comment, group string
}

// names are the string constants in api/v1alpha1/names.go.
func names(t *testing.T) []name {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "api", "v1alpha1", "names.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var found []name
	for _, declaration := range file.Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, entry := range group.Specs {
			spec, ok := entry.(*ast.ValueSpec)
			if !ok {
				continue
			}
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, name{spec.Names[0].Name, value, spec.Doc.Text(), group.Doc.Text()})
		}
	}
	return found
}

func page(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pages are all that users read, by their paths in the repository.
func pages(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d pages: %v", len(files), err)
	}
	found := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "charts/clientgrant-operator/README.md"}
	for _, file := range files {
		found = append(found, "docs/"+filepath.Base(file))
	}
	return found
}

func TestPages_ExplainEveryReason(t *testing.T) {
	grant, tenant := page(t, "docs/clientgrant.md"), page(t, "docs/auth0tenant.md")
	ofGrant, ofTenant := 0, 0
	for _, n := range names(t) {
		if !strings.HasPrefix(n.constant, "Reason") {
			continue
		}
		row := "\n| `" + n.value + "` | "
		if strings.Contains(n.group, "of a ClientGrant's Ready") {
			if ofGrant++; !strings.Contains(grant, row) {
				t.Errorf("docs/clientgrant.md does not explain the reason %s", n.value)
			}
		}
		if strings.Contains(n.group, "of an Auth0Tenant's Ready") || strings.Contains(n.comment, "on an Auth0Tenant") {
			if ofTenant++; !strings.Contains(tenant, row) {
				t.Errorf("docs/auth0tenant.md does not explain the reason %s", n.value)
			}
		}
	}
	if ofGrant < 15 || ofTenant < 10 {
		t.Errorf("found %d reasons of a ClientGrant and %d of an Auth0Tenant: where are the others?", ofGrant, ofTenant)
	}
}

func TestPages_NameEveryConditionAndEvent(t *testing.T) {
	pages := page(t, "docs/clientgrant.md") + page(t, "docs/auth0tenant.md")
	for _, n := range names(t) {
		if !strings.HasPrefix(n.constant, "Condition") && !strings.HasPrefix(n.constant, "Event") {
			continue
		}
		if !strings.Contains(pages, "`"+n.value+"`") {
			t.Errorf("neither docs/clientgrant.md nor docs/auth0tenant.md names %s", n.value)
		}
	}
}

var (
	link    = regexp.MustCompile(`(?:\]\(|src="|srcset=")([^)"\s]+)[)"]`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	inline  = regexp.MustCompile("`[^`]+`")
)

func TestPages_LinksLeadSomewhere(t *testing.T) {
	checked := 0
	for _, file := range pages(t) {
		text := page(t, file)
		file = filepath.Join(root, file)
		for _, found := range link.FindAllStringSubmatch(inline.ReplaceAllString(fence.ReplaceAllString(text, ""), ""), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			checked++
			path := file
			if target != "" {
				path = filepath.Join(filepath.Dir(file), target)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s, which is not there", file, found[1])
			} else if anchor != "" && !anchors(page(t, strings.TrimPrefix(path, root)))[anchor] {
				t.Errorf("%s links to %s, which has no such heading", file, found[1])
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d links were found", checked)
	}
}

// anchors are those that the headings of a page get.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		text := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
				return r
			}
			return -1
		}, strings.ToLower(match[1]))
		found[text] = true
	}
	return found
}
