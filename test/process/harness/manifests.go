package harness

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Manifests reads the objects that a kustomization names, in its order, after replacing text in them: old, new, old,
// new …, as a user does in an editor. A text that is in none of the files is an error.
func Manifests(folder string, oldnew ...string) ([]*unstructured.Unstructured, error) {
	var kustomization struct {
		Resources []string `json:"resources"`
	}
	content, err := os.ReadFile(filepath.Join(folder, "kustomization.yaml"))
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(content, &kustomization); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	var text strings.Builder
	for _, resource := range kustomization.Resources {
		content, err := os.ReadFile(filepath.Join(folder, resource))
		if err != nil {
			return nil, err
		}
		text.WriteString("---\n" + string(content) + "\n")
	}
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(text.String(), oldnew[i]) {
			return nil, fmt.Errorf("%s: nothing says %q", folder, oldnew[i])
		}
	}
	return Decode(strings.NewReplacer(oldnew...).Replace(text.String()))
}

// Fill copies the files of a folder into a new one, after replacing text in them: old, new, old, new …
func Fill(from, to string, oldnew ...string) error {
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(from, file.Name()))
		if err != nil {
			return err
		}
		filled := strings.NewReplacer(oldnew...).Replace(string(content))
		if err := os.WriteFile(filepath.Join(to, file.Name()), []byte(filled), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Decode reads the objects of a YAML text.
func Decode(text string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(bytes.TrimSpace(document), &object.Object); err != nil {
			return nil, err
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}
