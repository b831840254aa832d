package docs_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// within are the packages whose arrows docs/architecture.md shows.
const within = "github.com/clientgrants/clientgrant-operator/internal/"

var (
	packageRow = regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\| .* \\|(.*)\\|$")
	quoted     = regexp.MustCompile("`([^`]+)`")
)

func TestArchitecture_ShowsWhatImportsWhat(t *testing.T) {
	shown := map[string][]string{}
	for _, row := range packageRow.FindAllStringSubmatch(page(t, "docs/architecture.md"), -1) {
		uses := []string{}
		for _, used := range quoted.FindAllStringSubmatch(row[2], -1) {
			uses = append(uses, used[1])
		}
		slices.Sort(uses)
		shown[row[1]] = uses
	}
	imported := imports(t)
	if len(imported) < 10 {
		t.Fatalf("only %d packages were found", len(imported))
	}
	for name, uses := range imported {
		if !slices.Equal(shown[name], uses) {
			t.Errorf("docs/architecture.md says that %s uses %q, and it uses %q", name, shown[name], uses)
		}
	}
	for name := range shown {
		if imported[name] == nil {
			t.Errorf("docs/architecture.md has a package %s, which is not there", name)
		}
	}
}

// imports are the packages of internal, and those of internal that each imports, tests left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	folder := filepath.Join(root, "internal")
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		relative, err := filepath.Rel(folder, filepath.Dir(path))
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(relative)
		if found[name] == nil {
			found[name] = []string{}
		}
		for _, spec := range file.Imports {
			used, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), within)
			if ok && !slices.Contains(found[name], used) {
				found[name] = append(found[name], used)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range found {
		slices.Sort(found[name])
	}
	return found
}
