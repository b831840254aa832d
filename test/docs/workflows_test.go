package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var (
	used   = regexp.MustCompile(`(?m)uses: .*$`)
	pinned = regexp.MustCompile(`^uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
)

// A tag of an action may be moved to other code: only a commit says what runs.
func TestWorkflows_PinEveryAction(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yaml"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%d workflows: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range used.FindAllString(string(text), -1) {
			if !pinned.MatchString(action) {
				t.Errorf("%s: %q is not pinned by the SHA of a commit, with its version behind it", filepath.Base(file), action)
			}
		}
	}
}
