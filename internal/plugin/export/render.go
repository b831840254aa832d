package export

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// document is a manifest without what is not set.
type document struct {
	APIVersion string                   `json:"apiVersion"`
	Kind       string                   `json:"kind"`
	Metadata   metadata                 `json:"metadata"`
	Spec       v1alpha1.ClientGrantSpec `json:"spec"`
}

type metadata struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

func (m *Manifest) document() document {
	return document{v1alpha1.GroupVersion.String(), "ClientGrant", metadata{m.Name, m.Namespace}, m.Spec}
}

// text is the manifest with its comments.
func (m *Manifest) text() string {
	var text strings.Builder
	if m.Comment != "" {
		text.WriteString("# " + m.Comment + "\n")
	}
	if len(m.Rights) > 0 {
		text.WriteString("# Needs: " + joined(m.Rights) + "\n")
	}
	content, err := yaml.Marshal(m.document())
	if err != nil {
		panic(err) // It was written once, to be checked.
	}
	text.Write(content)
	return text.String()
}

// stream is a file of manifests.
func stream(manifests []Manifest) string {
	texts := make([]string, 0, len(manifests))
	for _, m := range manifests {
		texts = append(texts, m.text())
	}
	return strings.Join(texts, "---\n")
}

// Names of the files of an export.
const (
	fileGrants        = "clientgrants.yaml"
	fileRights        = "needs-rights.yaml"
	fileKustomization = "kustomization.yaml"
	fileRules         = "access-rules.yaml"
	fileRemoved       = "removed.tf"
	fileStateRm       = "state-rm.sh"
)

// Files are the files of an export by their path.
func (e *Export) Files(state *State) map[string]string {
	files := map[string]string{fileRules: e.rulesFile()}
	namespaces := e.namespaces()
	for _, namespace := range namespaces {
		plain, rights := e.needing(namespace, false), e.needing(namespace, true)
		listed := kustomization()
		if len(plain) > 0 {
			files[namespace+"/"+fileGrants] = stream(plain)
			listed = kustomization(fileGrants)
		}
		if len(rights) > 0 {
			files[namespace+"/"+fileRights] = e.rightsHeader(namespace) + stream(rights)
			listed += "# When its access rules are in the Auth0Tenant:\n# - " + fileRights + "\n"
		}
		files[namespace+"/"+fileKustomization] = listed
	}
	files[fileKustomization] = kustomization(namespaces...)
	if state != nil {
		files[fileRemoved], files[fileStateRm] = e.removedFiles(state)
	}
	for path, content := range files {
		if content == "" {
			delete(files, path)
		}
	}
	return files
}

func kustomization(resources ...string) string {
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
	if len(resources) == 0 {
		return text + "resources: []\n"
	}
	return text + "resources:\n- " + strings.Join(resources, "\n- ") + "\n"
}

// rulesText are access rules as they stand in an Auth0Tenant.
func rulesText(rules []Rule) string {
	var text strings.Builder
	for i, r := range rules {
		if i == 0 || rules[i-1].Namespace != r.Namespace {
			text.WriteString("# Namespace " + r.Namespace + "\n")
		}
		content, err := yaml.Marshal([]v1alpha1.AccessRule{r.AccessRule})
		if err != nil {
			panic(err) // It holds nothing but texts.
		}
		text.Write(content)
	}
	return text.String()
}

func (e *Export) rulesOf(rights bool, namespaces ...string) (found []Rule) {
	for _, r := range e.Rules {
		if r.Rights == rights && (len(namespaces) == 0 || slices.Contains(namespaces, r.Namespace)) {
			found = append(found, r)
		}
	}
	return found
}

func (e *Export) rulesFile() string {
	rules := e.rulesOf(false)
	if len(rules) == 0 {
		return ""
	}
	return "# What " + fileGrants + " of each namespace needs, for spec of the Auth0Tenant.\n" +
		"# Take AdoptExisting out when the grants are taken over.\naccessRules:\n" + rulesText(rules)
}

func (e *Export) rightsHeader(namespace string) string {
	text := "These grants need rights that no pattern of an access rule gives. To manage them, add this to spec of the\n" +
		"Auth0Tenant, and this file to " + fileKustomization + ":\n\naccessRules:\n" + rulesText(e.rulesOf(true, namespace))
	var commented strings.Builder
	for line := range strings.Lines(text) {
		commented.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	return commented.String() + "\n"
}

func (e *Export) removedFiles(state *State) (hcl, shell string) {
	hcl, shell = state.forgotten(e)
	if hcl != "" {
		hcl = "# Put this in the place of the resources that it names, when the operator has taken over their grants.\n" +
			"# terraform plan must say that nothing is destroyed.\n\n" + hcl
	}
	if shell != "" {
		shell = "#!/bin/sh\n# Instances of resources that keep others: first take them out of for_each or count, then run this BEFORE the\n" +
			"# next plan or apply. An apply in between destroys them; an apply with them still in the configuration takes them over again.\n" +
			"set -e\n" + shell
	}
	return hcl, shell
}

// Write writes the files into a new folder: all of them or none.
func Write(folder string, files map[string]string) (err error) {
	if entries, err := os.ReadDir(folder); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty: name another folder, or remove it", folder)
	}
	made, err := os.MkdirTemp(filepath.Dir(filepath.Clean(folder)), ".clientgrants-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(made)) }()
	for path, content := range files {
		path = filepath.Join(made, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // manifests are for everybody who may read the folder
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	if err := os.Chmod(made, 0o755); err != nil { //nolint:gosec // as above
		return err
	}
	if err := os.Remove(folder); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Rename(made, folder)
}
