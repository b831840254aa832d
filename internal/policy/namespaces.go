package policy

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// namespaces are those that a rule speaks of; the zero value is none.
type namespaces struct {
	all   bool
	names []string
	// selector is nil where the labels mean nothing.
	selector labels.Selector
}

func readNamespaces(spec v1alpha1.RuleNamespaces, own string) namespaces {
	switch spec.From {
	case v1alpha1.NamespacesFromSame:
		return namespaces{names: []string{own}}
	case v1alpha1.NamespacesFromNames:
		return namespaces{names: spec.Names}
	case v1alpha1.NamespacesFromSelector:
		return namespaces{selector: readSelector(spec.Selector)}
	case v1alpha1.NamespacesFromAll:
		return namespaces{all: true}
	}
	return namespaces{}
}

// readSelector takes an empty selector for none: whoever means every namespace writes All.
func readSelector(spec *metav1.LabelSelector) labels.Selector {
	if spec == nil || len(spec.MatchLabels)+len(spec.MatchExpressions) == 0 {
		return nil
	}
	selector, err := metav1.LabelSelectorAsSelector(spec)
	if err != nil {
		return nil
	}
	return selector
}

// include takes nil for labels that nobody knows: they match no selector, not even one that asks for a label's absence.
func (n namespaces) include(namespace string, known map[string]string) bool {
	return n.all || slices.Contains(n.names, namespace) ||
		n.selector != nil && known != nil && n.selector.Matches(labels.Set(known))
}
