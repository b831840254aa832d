package process_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
)

// jwt is how every token begins: those of the tenant and those of service accounts.
var jwt = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.`)

// told is everything that the operator told in this test: all its output, the events and the status of every object.
func (w *world) told() string {
	var all strings.Builder
	for _, r := range w.replicas {
		fmt.Fprintf(&all, "--- output of a process that ended with exit code %d\n%s\n", r.ExitCode(), r.Output())
	}
	for _, list := range []client.ObjectList{&v1alpha1.ClientGrantList{}, &v1alpha1.Auth0TenantList{}, &eventsv1.EventList{}} {
		w.Expect(w.k8s.List(ctx, list)).To(Succeed())
		content, err := json.MarshalIndent(list, "", " ")
		w.Expect(err).NotTo(HaveOccurred())
		all.Write(content)
	}
	return all.String()
}

// checkTold fails if any of it is a secret or a token, or tells of something that must not happen.
func (w *world) checkTold(told string) {
	w.t.Helper()
	secrets := append(w.remote.issued(), w.remote.ClientSecret())
	for _, secret := range secrets {
		w.Expect(len(secret)).To(BeNumerically(">", 20))
		w.Expect(strings.Contains(told, secret)).To(BeFalse(), "the operator told a secret or a token of the tenant")
	}
	w.Expect(jwt.FindString(told)).To(BeEmpty(), "the operator told a token")
	never := []string{"DATA RACE", "panic"}
	if !w.refusals {
		never = append(never, "forbidden")
	}
	for _, text := range never {
		w.Expect(strings.Contains(told, text)).To(BeFalse(), "the operator told of %q", text)
	}
}
