package export

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// The types of Auth0's provider that are about client grants.
const (
	typeGrant = "auth0_client_grant"
	typeLink  = "auth0_organization_client_grant"
)

// State is what terraform show -json tells of the client grants in a state.
type State struct {
	grants map[grant.Identity]*resource
	links  []*resource
}

// resource is an instance of a resource in a state.
type resource struct {
	address, base   string
	namespace, name string
	id, grantID     string
	identity        grant.Identity
}

// shown is the part of terraform show -json that is read. Its format is a promise of Terraform's; that of a state file is not.
type shown struct {
	FormatVersion string `json:"format_version"`
	Values        *struct {
		Root module `json:"root_module"`
	} `json:"values"`
}

type module struct {
	Address   string `json:"address"`
	Resources []struct {
		Address string `json:"address"`
		Mode    string `json:"mode"`
		Type    string `json:"type"`
		Name    string `json:"name"`
		Index   any    `json:"index"`
		Values  struct {
			ID          string `json:"id"`
			ClientID    string `json:"client_id"`
			Audience    string `json:"audience"`
			SubjectType string `json:"subject_type"`
			GrantID     string `json:"grant_id"`
		} `json:"values"`
	} `json:"resources"`
	Children []module `json:"child_modules"`
}

// ReadState reads the output of terraform show -json; path is for messages.
func ReadState(path string, text []byte) (*State, error) {
	var read shown
	if err := json.Unmarshal(text, &read); err != nil || read.FormatVersion == "" || read.Values == nil {
		return nil, fmt.Errorf("%s is no state as terraform show -json prints it: make one with terraform show -json > %s", path, path)
	}
	s := &State{grants: map[grant.Identity]*resource{}}
	s.add(read.Values.Root)
	s.rename()
	return s, nil
}

func (s *State) add(m module) {
	for _, found := range m.Resources {
		if found.Mode != "managed" {
			continue
		}
		r := &resource{
			address: found.Address, base: withoutKeys(found.Address), namespace: moduleName(m.Address), id: found.Values.ID,
			grantID: found.Values.GrantID, name: found.Name,
		}
		if found.Index != nil {
			r.name += fmt.Sprintf("-%v", found.Index)
		}
		switch found.Type {
		case typeGrant:
			r.identity = grant.Grant{
				ClientID: found.Values.ClientID, Audience: found.Values.Audience, SubjectType: found.Values.SubjectType,
			}.Identity("")
			s.grants[r.identity] = r
		case typeLink:
			s.links = append(s.links, r)
		}
	}
	for _, child := range m.Children {
		s.add(child)
	}
}

// longestName is how much of a resource's name becomes that of its ClientGrant.
const longestName = 63 - 1 - hashInName

// rename makes the names of resources those of objects. Where two would be the same, or one is cut off, a hash tells them apart.
func (s *State) rename() {
	count := map[string]int{}
	name := func(r *resource) string { return slug(r.name, longestName) }
	for _, r := range s.grants {
		count[r.namespace+"/"+name(r)]++
	}
	for _, r := range s.grants {
		short := name(r)
		if count[r.namespace+"/"+short] > 1 || short == "" || short != slug(r.name, len(r.name)) {
			short = strings.Trim(short+"-"+hashOf(r.address), "-")
		}
		r.name = short
	}
}

// find is the resource of a grant; nil where there is none.
func (s *State) find(identity grant.Identity) *resource {
	if s == nil {
		return nil
	}
	identity.Tenant = ""
	return s.grants[identity]
}

// moduleName is that of the innermost module, as a namespace can be called; empty for the root module.
func moduleName(address string) string {
	path := withoutKeys(address)
	return slug(path[strings.LastIndex(path, ".")+1:], 63)
}

// withoutKeys is an address without the keys of for_each and count, in brackets: a removed block takes none.
func withoutKeys(address string) string {
	var plain strings.Builder
	for rest := address; ; {
		before, after, found := strings.Cut(rest, "[")
		plain.WriteString(before)
		if !found {
			return plain.String()
		}
		rest = after[endOfKey(after):]
	}
}

// endOfKey is where the text after the bracket of a key begins.
func endOfKey(text string) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted:
			return i + 1
		}
	}
	return len(text)
}

// forgotten is how Terraform comes to forget the exported grants without destroying them: removed blocks for resources of which every
// instance is exported, and commands for single instances of others.
func (s *State) forgotten(e *Export) (blocks, commands string) {
	exported := map[string]bool{}
	for _, m := range e.Manifests {
		exported[m.Address] = m.Address != ""
	}
	whole, rest := s.split(exported)
	var hcl, shell strings.Builder
	for _, base := range whole {
		fmt.Fprintf(&hcl, "removed {\n  from = %s\n\n  lifecycle {\n    destroy = false\n  }\n}\n\n", base)
	}
	for _, address := range rest {
		fmt.Fprintf(&shell, "terraform state rm '%s'\n", strings.ReplaceAll(address, "'", `'\''`))
	}
	return strings.TrimSuffix(hcl.String(), "\n"), shell.String()
}

// split tells resources that go as a whole from instances that go alone.
func (s *State) split(exported map[string]bool) (whole, rest []string) {
	stays := map[string]bool{}
	for _, r := range s.grants {
		stays[r.base] = stays[r.base] || !exported[r.address]
	}
	for _, r := range s.grants {
		switch {
		case !stays[r.base]:
			whole = append(whole, r.base)
		case exported[r.address]:
			rest = append(rest, r.address)
		}
	}
	return distinct(whole), distinct(rest)
}

// hanging are the resources that name an exported grant: they stay in the state, and need its ID from elsewhere.
func (s *State) hanging(e *Export) (addresses []string) {
	ids := map[string]bool{}
	for _, m := range e.Manifests {
		if r := s.find(m.identity); r != nil {
			ids[r.id] = true
		}
	}
	for _, link := range s.links {
		if ids[link.grantID] {
			addresses = append(addresses, link.address)
		}
	}
	slices.Sort(addresses)
	return addresses
}

// gone are the grants of the state that the tenant does not hold, or that no manifest describes.
func (s *State) gone(e *Export) (addresses []string) {
	for _, r := range s.grants {
		if !slices.ContainsFunc(e.Manifests, func(m Manifest) bool { return m.Address == r.address }) {
			addresses = append(addresses, r.address)
		}
	}
	slices.Sort(addresses)
	return addresses
}
