package grant

import "unique"

// Intern makes equal values share their memory: thousands of grants are for a few audiences and scopes.
func Intern(values ...*string) {
	for _, value := range values {
		*value = unique.Make(*value).Value()
	}
}

// InternAll is Intern for a list.
func InternAll(values []string) {
	for i := range values {
		Intern(&values[i])
	}
}
