package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

func TestFillIn_LeavesNothingToFillIn(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	s := &stage{folder: t.TempDir(), remote: &remote{&harness.Simulator{Domain: "127.0.0.1:1", ClientID: "the-id", ClientSecret: "the-secret"}}}
	if err := s.fillIn(); err != nil {
		t.Fatal(err)
	}
	objects, err := harness.Manifests(s.file("samples"))
	if err != nil || len(objects) != 3 {
		t.Fatalf("%d samples: %v", len(objects), err)
	}
	var all strings.Builder
	for _, name := range []string{"secret.yaml", "auth0_v1alpha1_auth0tenant.yaml"} {
		content, err := os.ReadFile(filepath.Join(s.file("samples"), name))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	if strings.Contains(all.String(), "YOUR") {
		t.Errorf("something is not filled in:\n%s", &all)
	}
	for want, times := range map[string]int{"127.0.0.1:1": 2, "the-id": 1, "the-secret": 1} {
		if found := strings.Count(all.String(), want); found != times {
			t.Errorf("%s is %d times in the samples, want %d", want, found, times)
		}
	}
}
