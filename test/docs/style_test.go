package docs_test

import (
	"cmp"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestReadme_IsShort(t *testing.T) {
	if lines := strings.Count(page(t, "README.md"), "\n"); lines > 120 {
		t.Errorf("README.md has %d lines: move what is beyond 120 to a page in docs", lines)
	}
}

func TestIndex_HasEveryPage(t *testing.T) {
	index := page(t, "docs/README.md")
	for _, file := range pages(t) {
		name, found := strings.CutPrefix(file, "docs/")
		if found && name != "README.md" && !strings.Contains(index, "]("+name) {
			t.Errorf("docs/README.md does not link to %s", name)
		}
	}
}

func TestExamples_AreListed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "examples", "*"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	list := page(t, "docs/examples.md")
	for _, file := range files {
		if !strings.Contains(list, "](../examples/"+filepath.Base(file)+")") {
			t.Errorf("docs/examples.md does not list %s", file)
		}
	}
}

// What only a release brings: its version, and the addresses of image, chart and manifests.
var release = regexp.MustCompile(`1\.2\.3|oci://ghcr\.io|/releases/download/`)

// TestPages_SayThatThereIsNoRelease is for the time before the first one; docs/release.md says when it goes.
func TestPages_SayThatThereIsNoRelease(t *testing.T) {
	named := 0
	for _, file := range pages(t) {
		if file == "docs/release.md" || !release.MatchString(page(t, file)) {
			continue
		}
		named++
		before, after, found := strings.Cut(page(t, file), "> **No release yet.**")
		if !found || !strings.Contains(after, "#from-a-checkout)") {
			t.Errorf("%s names a release and does not say that there is none yet, and how to install from a checkout", file)
		}
		if file != "README.md" && release.MatchString(before) {
			t.Errorf("%s names a release before it says that there is none yet", file)
		}
	}
	if named < 4 {
		t.Errorf("only %d pages name a release", named)
	}
}

var colour = regexp.MustCompile(`#[0-9a-f]{6}`)

func TestPictures_DifferInColoursAlone(t *testing.T) {
	light, dark := page(t, "docs/images/how-it-works-light.svg"), page(t, "docs/images/how-it-works-dark.svg")
	if light == dark || colour.ReplaceAllString(light, "") != colour.ReplaceAllString(dark, "") {
		t.Error("the light and the dark picture do not show the same")
	}
}

// said are words and phrases that the pages do not use, and what they say instead.
var said = map[string]string{
	`\b(himself|herself)\b`:          "themselves",
	`\b(he|she|his|her)\b`:           "they, their",
	`\bin the place of\b`:            "instead of",
	`\bhave (it|all) looked at\b`:    "trigger a reconcile, or request a refresh",
	`\basks? for a look\b`:           "request a refresh",
	`\bat the (next|last) look\b`:    "at the next (last) refresh",
	`\bnames the thing\b`:            "says what is wrong",
	`\b(is|are) told (by|in)\b`:      "is reported by",
	`\bfails? (a|the) ClientGrant\b`: "rejects a ClientGrant, and why",
}

func TestPages_SayItAsAgreed(t *testing.T) {
	for _, file := range pages(t) {
		text := strings.ToLower(fence.ReplaceAllString(page(t, file), ""))
		for phrase, instead := range said {
			if found := regexp.MustCompile(strings.ToLower(phrase)).FindString(text); found != "" {
				t.Errorf("%s says %q: say %q", file, found, instead)
			}
		}
	}
}

// A module that is not named there ages unseen.
func TestDependabot_LooksAtEveryModule(t *testing.T) {
	settings := page(t, ".github/dependabot.yml")
	modules := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "bin":
			return fs.SkipDir
		case entry.Name() != "go.mod":
			return nil
		}
		modules++
		folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../..")
		for _, named := range []string{cmp.Or(folder, "/"), filepath.ToSlash(filepath.Dir(folder)) + "/*"} {
			if strings.Contains(settings, "\n  - "+named+"\n") {
				return nil
			}
		}
		t.Errorf(".github/dependabot.yml does not name the module in %s", folder)
		return nil
	})
	if err != nil || modules < 8 {
		t.Fatalf("%d modules: %v", modules, err)
	}
}

// explainWidth is how wide kubectl explain prints the text of a field: longer lines are broken a second time.
const explainWidth = 76

func TestAPIComments_FitIntoKubectlExplain(t *testing.T) {
	checked := 0
	for _, file := range []string{"clientgrant_types.go", "auth0tenant_types.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "api", "v1alpha1", file), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range parsed.Comments {
			for _, comment := range group.List {
				text := strings.TrimSpace(strings.TrimPrefix(comment.Text, "//"))
				if checked++; len(text) > explainWidth && !strings.HasPrefix(text, "+") {
					t.Errorf("%s: a line of %d characters: %s", file, len(text), text)
				}
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d lines of comments were found", checked)
	}
}
