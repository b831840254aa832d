package export

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/internal/policy"
)

// Places say which grants go to which namespace; the first that matches decides.
type Places []place

type place struct {
	namespace          string
	clientID, audience func(string) bool
}

// mapping is the file of --map. Patterns are those of access rules.
type mapping struct {
	Namespaces []struct {
		Namespace string   `json:"namespace"`
		ClientIDs []string `json:"clientIDs,omitempty"`
		Audiences []string `json:"audiences,omitempty"`
	} `json:"namespaces"`
}

// ReadPlaces reads the content of a file of --map; path is for messages.
func ReadPlaces(path string, text []byte) (Places, error) {
	var read mapping
	if err := yaml.UnmarshalStrict(text, &read); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var places Places
	for i, entry := range read.Namespaces {
		if wrong := validation.IsDNS1123Label(entry.Namespace); len(wrong) > 0 {
			return nil, fmt.Errorf("%s: namespaces[%d].namespace %q: %s", path, i, entry.Namespace, wrong[0])
		}
		if len(entry.ClientIDs)+len(entry.Audiences) == 0 {
			return nil, fmt.Errorf("%s: namespaces[%d] has neither clientIDs nor audiences: write [\"*\"] to mean all", path, i)
		}
		places = append(places, place{entry.Namespace, matcher(entry.ClientIDs), matcher(entry.Audiences)})
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("%s: namespaces has no entry: add one with namespace and clientIDs or audiences", path)
	}
	return places, nil
}

// matcher takes an absent list for all.
func matcher(patterns []string) func(string) bool {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	return policy.Matcher(patterns)
}

// namespaceOf is empty where no entry matches. A default grant has no client ID: a pattern that matches no text matches it not.
func (p Places) namespaceOf(identity grant.Identity) string {
	for _, one := range p {
		if one.clientID(identity.ClientID) && one.audience(identity.Audience) {
			return one.namespace
		}
	}
	return ""
}
