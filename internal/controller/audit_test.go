package controller_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// audited is a line of the audit log.
type audited struct {
	Audit         bool     `json:"audit"`
	Name          string   `json:"name"`
	Message       string   `json:"msg"`
	Cause         string   `json:"cause"`
	Tenant        string   `json:"tenant"`
	ClientID      string   `json:"clientID"`
	Audience      string   `json:"audience"`
	GrantID       string   `json:"grantID"`
	Successor     string   `json:"successor"`
	Generation    int64    `json:"generation"`
	FieldManager  string   `json:"fieldManager"`
	ScopesAdded   []string `json:"scopesAdded"`
	ScopesRemoved []string `json:"scopesRemoved"`

	CorrelationID string  `json:"correlationID"`
	Request       string  `json:"request"`
	Code          int     `json:"code"`
	Seconds       float64 `json:"seconds"`
	Err           string  `json:"err"`
}

// auditOf lists what the audit log says of an object: what is done, and what the answers were.
func auditOf(obj *v1alpha1.ClientGrant) (lines, answers []audited) {
	GinkgoHelper()
	seen.mu.Lock()
	defer seen.mu.Unlock()
	scanner := bufio.NewScanner(strings.NewReader(seen.text.String()))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var line audited
		if strings.Contains(scanner.Text(), `"audit":true`) {
			Expect(json.Unmarshal(scanner.Bytes(), &line)).To(Succeed())
		}
		switch {
		case !line.Audit || line.Name != obj.Name:
		case line.Request != "":
			answers = append(answers, line)
		default:
			lines = append(lines, line)
		}
	}
	Expect(scanner.Err()).NotTo(HaveOccurred())
	return lines, answers
}

var _ = Describe("The audit log", func() {
	It("says of every write to the tenant who caused it and what it changes", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := grantFor(remote, tenant, "read:users", "write:users")
		held := foreign(remote, obj, "write:users", "by:hand")
		available(obj)
		remote.EditGrant(held.ID, func(g *sim.Grant) { g.Scope = []string{"read:users"} })
		resync(tenant)
		Eventually(func() []string { return remoteOf(remote, obj).Scope }).Should(HaveLen(2))
		remote.DeleteGrant(held.ID)
		resync(tenant)
		Eventually(func() string { return reload(obj).Status.GrantID }).ShouldNot(Or(BeEmpty(), Equal(held.ID)))
		made := obj.Status.GrantID
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{"read:users"} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		remove(obj)
		Eventually(gone(obj)).Should(BeTrue())

		line := func(message, cause, id string, added, removed []string) audited {
			return audited{
				Audit: true, Name: obj.Name, Message: message, Cause: cause, Tenant: remote.Domain(), GrantID: id,
				ClientID: obj.Spec.ClientRef.ID, Audience: obj.Spec.Audience, ScopesAdded: added, ScopesRemoved: removed,
				Generation: 1, FieldManager: "controller.test",
			}
		}
		edited := func(a audited) audited {
			a.Generation = 2
			return a
		}
		deleted := line("Deleting a grant", "deletion", made, nil, []string{"read:users"})
		deleted.Generation = 3
		lines, answers := auditOf(obj)
		requests := []audited{}
		for i := range lines {
			requests = append(requests, lines[i])
			lines[i].CorrelationID = ""
		}
		Expect(lines).To(Equal([]audited{
			line("Adopting a grant that was in the tenant first", "adoption", held.ID, []string{"read:users"}, []string{"by:hand"}),
			line("Changing a grant", "spec", held.ID, []string{"read:users"}, []string{"by:hand"}),
			line("Changing a grant", "drift", held.ID, []string{"write:users"}, []string{}),
			line("Creating a grant", "drift", "", []string{"read:users", "write:users"}, nil),
			edited(line("Changing a grant", "spec", made, []string{}, []string{"write:users"})),
			deleted,
		}))
		Expect(answers).To(HaveLen(5))
		for i, code := range []int{200, 200, 201, 200, 204} {
			request, answer := requests[i+1], answers[i]
			Expect(answer.Message).To(Equal("The tenant answered"))
			Expect(answer.Request).To(Equal(request.Message))
			Expect(answer.CorrelationID).To(Equal(request.CorrelationID))
			Expect(answer.Code).To(Equal(code))
			Expect(answer.GrantID).To(Or(Equal(held.ID), Equal(made)))
			Expect(answer.Seconds).To(And(BeNumerically(">", 0), BeNumerically("<", 20)))
		}
	})

	It("says what Auth0 refused, and what was not answered", func() {
		remote := startTenant()
		tenant := readyTenant(remote)
		obj := grantFor(remote, tenant, "read:users")
		fault := remote.Inject(sim.Fault{Method: http.MethodPost, Route: routeGrants, Status: http.StatusBadRequest})
		create(obj)
		Eventually(conditionOf(obj)).Should(Equal("False Rejected"))
		Expect(fault.Hits()).To(Equal(1))
		lookAgain(obj)
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		remote.Inject(sim.Fault{Method: http.MethodPatch, Drop: true})
		edit(obj, func(o *v1alpha1.ClientGrant) { o.Spec.Scopes = []string{} })
		Eventually(conditionOf(obj)).Should(Equal("True Available"))
		_, answers := auditOf(obj)
		codes := []int{}
		for _, answer := range answers {
			codes = append(codes, answer.Code)
		}
		Expect(codes).To(Equal([]int{400, 201, 0, 200}))
		Expect(answers[0].GrantID).To(BeEmpty())
		Expect(answers[0].Err).To(ContainSubstring("400"))
		Expect(answers[1].GrantID).To(Equal(obj.Status.GrantID))
		Expect(answers[2].Message).To(Equal("The tenant did not answer"))
		Expect(answers[2].Err).NotTo(BeEmpty())
	})
})
