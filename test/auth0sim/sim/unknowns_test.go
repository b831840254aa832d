package sim_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// unknown is a change of options for newTenant.
func unknown(u sim.Unknowns) func(*sim.Options) {
	return settings(func(s *sim.Settings) { s.Unknowns = u })
}

func TestNull_InAnUpdate(t *testing.T) {
	const nulls = `{"scope":null,"organization_usage":null,"allow_any_organization":null,"allow_all_scopes":null}`
	for _, row := range []struct {
		name   string
		policy sim.NullPolicy
		status int
		want   string // after the ID, client and audience
	}{
		{"removes the fields", sim.NullRemoves, http.StatusOK, `,"scope":[],"subject_type":"client"}`},
		{
			"keeps the fields", sim.NullKeeps, http.StatusOK,
			`,"scope":["a"],"organization_usage":"allow","allow_any_organization":true,"subject_type":"client",` +
				`"allow_all_scopes":false}`,
		},
		{"is refused", sim.NullRefused, http.StatusBadRequest, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := newTenant(t, unknown(sim.Unknowns{Null: row.policy}))
			id := n.create(`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":["a"],` +
				`"organization_usage":"allow","allow_any_organization":true,"allow_all_scopes":false}`)
			got := n.want(http.MethodPatch, grantsAt+"/"+id, nulls, row.status)
			if row.status == http.StatusOK && !strings.HasSuffix(got, audience+`"`+row.want) {
				t.Errorf("got %s", got)
			}
			if g, _ := n.Grant(id); row.status != http.StatusOK && g.OrganizationUsage != "allow" {
				t.Errorf("a refused update left %+v", g)
			}
		})
	}
}

func TestAllScopes_CanBeTurnedOffAlone(t *testing.T) {
	for _, row := range []struct {
		name   string
		off    sim.AllScopesOff
		status int
		want   []string
	}{
		{"leaving none", sim.AllScopesOffEmpty, http.StatusOK, []string{}},
		{"leaving those from before", sim.AllScopesOffRestores, http.StatusOK, []string{"a", "b"}},
		{"or not", sim.AllScopesOffRefused, http.StatusBadRequest, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := newTenant(t, unknown(sim.Unknowns{AllScopesOff: row.off}))
			id := n.create(`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":["a","b"]}`)
			n.want(http.MethodPatch, grantsAt+"/"+id, `{"allow_all_scopes":true}`, http.StatusOK)
			n.want(http.MethodPatch, grantsAt+"/"+id, `{"allow_all_scopes":false}`, row.status)
			if g, _ := n.Grant(id); !slices.Equal(g.Scope, row.want) {
				t.Errorf("scopes are %v", g.Scope)
			}
		})
	}
	t.Run("where it was not on, the scopes stay", func(t *testing.T) {
		n := newTenant(t)
		id := n.create(`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":["a"]}`)
		n.want(http.MethodPatch, grantsAt+"/"+id, `{"allow_all_scopes":false}`, http.StatusOK)
		if g, _ := n.Grant(id); !slices.Equal(g.Scope, []string{"a"}) {
			t.Errorf("scopes are %v", g.Scope)
		}
	})
}

func TestScopes_HaveOptionalRules(t *testing.T) {
	const twice = `{"client_id":"` + clientID + `","audience":"` + audience + `","scope":["create:resource","create:resource"]}`
	t.Run("duplicates are echoed", func(t *testing.T) {
		n := newTenant(t)
		if got := n.want(http.MethodPost, grantsAt, twice, http.StatusCreated); !strings.Contains(got,
			`"scope":["create:resource","create:resource"]`) {
			t.Errorf("got %s", got)
		}
	})
	t.Run("duplicates can be refused", func(t *testing.T) {
		n := newTenant(t, unknown(sim.Unknowns{RefuseDuplicateScopes: true}))
		n.expect(http.MethodPost, grantsAt, twice, http.StatusBadRequest, failure(t, http.StatusBadRequest,
			invalid("Array items are not unique (indexes 0 and 1)", scopePlace), "invalid_body"))
	})
	t.Run("undefined scopes can be refused", func(t *testing.T) {
		n := newTenant(t, settings(func(s *sim.Settings) { s.StrictScopes = true }))
		n.create(twice)
		n.expect(http.MethodPost, grantsAt,
			`{"client_id":"`+clientID+`","audience":"`+audience+`","scope":["other"],"subject_type":"user"}`,
			http.StatusBadRequest, failure(t, http.StatusBadRequest,
				"Payload validation error: scope must be a subset of resource server scopes", "invalid_body"))
	})
}

func TestScopes_CanBeDroppedSilently(t *testing.T) {
	for _, echo := range []bool{false, true} {
		n := newTenant(t, settings(func(s *sim.Settings) { s.DropScopes, s.EchoDroppedScopes = []string{"b"}, echo }))
		body := n.want(http.MethodPost, grantsAt,
			`{"client_id":"`+clientID+`","audience":"`+audience+`","scope":["a","b","c"]}`, http.StatusCreated)
		if strings.Contains(body, `"b"`) != echo {
			t.Errorf("with echo %t the answer is %s", echo, body)
		}
		id := field(t, body, "id")
		body = n.want(http.MethodPatch, grantsAt+"/"+id, `{"scope":["b","d"]}`, http.StatusOK)
		if strings.Contains(body, `"b"`) != echo {
			t.Errorf("with echo %t the answer is %s", echo, body)
		}
		if g, _ := n.Grant(id); !slices.Equal(g.Scope, []string{"d"}) {
			t.Errorf("kept are %v", g.Scope)
		}
	}
}

func TestUnknowns_ChangeAnswers(t *testing.T) {
	grant := sim.Grant{ID: "cgr_0000000000000001", ClientID: clientID, Audience: audience}
	system := sim.Grant{ID: "cgr_0000000000000002", ClientID: clientID, Audience: "https://other/", IsSystem: true}
	for _, row := range []struct {
		unknowns sim.Unknowns
		refusal
	}{
		{
			sim.Unknowns{ConflictMessage: "{audience} is {client}'s", ConflictCode: "client_grant_conflict"},
			refusal{
				"a conflict in other words", http.MethodPost, grantsAt, newGrant, http.StatusConflict,
				audience + " is " + clientID + "'s", "client_grant_conflict",
			},
		},
		{
			sim.Unknowns{CreateUnknownCode: "not_found"},
			refusal{
				"an unknown client with another code", http.MethodPost, grantsAt, `{"client_id":"x","audience":"y","scope":[]}`,
				http.StatusNotFound, "Client not found", "not_found",
			},
		},
		{
			sim.Unknowns{CreateUnknownCode: "-"},
			refusal{
				"an unknown client without a code", http.MethodPost, grantsAt, `{"client_id":"x","audience":"y","scope":[]}`,
				http.StatusNotFound, "Client not found", "",
			},
		},
		{
			sim.Unknowns{PatchUnknownMessage: "The client grant does not exist."},
			refusal{
				"an unknown grant in other words", http.MethodPatch, missingGrant, `{"scope":[]}`,
				http.StatusNotFound, "The client grant does not exist.", "inexistent_client_grant",
			},
		},
		{
			sim.Unknowns{SystemGrantStatus: http.StatusForbidden},
			refusal{
				"a system grant is forbidden", http.MethodDelete, grantsAt + "/" + system.ID, "", http.StatusForbidden,
				"This grant is a special grant created by Auth0. It cannot be modified or deleted directly.",
				"operation_not_supported",
			},
		},
		{
			sim.Unknowns{LooseIDs: true},
			refusal{
				"a malformed ID is unknown", http.MethodPatch, "/client-grants/x", `{"scope":[]}`, http.StatusNotFound,
				"The grant does not exist.", "inexistent_client_grant",
			},
		},
		{
			sim.Unknowns{StrictReadIDs: true},
			refusal{
				"a malformed ID is refused when read", http.MethodGet, "/client-grants/x", "", http.StatusBadRequest,
				"Path validation error: 'Object didn't pass validation for format client-grant-id: x' on property id " +
					"(The ID of the client grant to retrieve.).", "invalid_uri",
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := newTenant(t, unknown(row.unknowns))
			n.AddGrant(grant)
			n.AddGrant(system)
			row.check(t, n)
		})
	}
}

func TestAPIDeletion_TakesTheGrantsOrLeavesThem(t *testing.T) {
	for _, row := range []struct {
		cascade bool
		left    int
	}{{true, 0}, {false, 1}} {
		n := newTenant(t, unknown(sim.Unknowns{CascadeAPIs: row.cascade}))
		id := n.create(newGrant)
		n.expect(http.MethodDelete, "/resource-servers/https:%2F%2Fapi.example.com%2F", "", http.StatusNoContent, "")
		if n.GrantCount() != row.left {
			t.Errorf("with a cascade %t there are %d grants", row.cascade, n.GrantCount())
		}
		n.expect(http.MethodDelete, grantsAt+"/"+id, "", http.StatusNoContent, "")
	}
}

func TestAnonymousUser_CanBeKnown(t *testing.T) {
	undescribed(t)
	n := newTenant(t, settings(func(s *sim.Settings) { s.AnonymousUser = true }))
	n.create(`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":[],"subject_type":"anonymous_user"}`)
	n.want(http.MethodGet, grantsAt+"?client_id="+clientID+"&subject_type=anonymous_user", "", http.StatusOK)
}

func TestUpdate_ChecksWhatTheGrantBecomes(t *testing.T) {
	for _, bodyOnly := range []bool{false, true} {
		n := newTenant(t, unknown(sim.Unknowns{BodyOnly: bodyOnly}))
		id := n.create(`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":["a"],` +
			`"organization_usage":"allow","allow_any_organization":true}`)
		status := http.StatusBadRequest
		if bodyOnly {
			status = http.StatusOK
		}
		n.want(http.MethodPatch, grantsAt+"/"+id, `{"organization_usage":"deny","scope":[]}`, status)
		if g, _ := n.Grant(id); !bodyOnly && len(g.Scope) != 1 {
			t.Errorf("a refused update left %+v", g)
		}
		n.want(http.MethodPatch, grantsAt+"/"+id, `{"scope":[]}`, http.StatusOK)
		n.want(http.MethodPatch, grantsAt+"/"+id, `{"organization_usage":"deny","allow_any_organization":false}`, http.StatusOK)
	}
}

func TestAPIDeletion_LeavesGrantsThatCountAgainWithAnAPIOfThatName(t *testing.T) {
	n := newTenant(t)
	id := n.create(newGrant)
	n.expect(http.MethodDelete, "/resource-servers/https:%2F%2Fapi.example.com%2F", "", http.StatusNoContent, "")
	n.AddAPI(sim.API{Identifier: audience})
	n.want(http.MethodGet, grantsAt+"/"+id, "", http.StatusOK)
	n.want(http.MethodPost, grantsAt, newGrant, http.StatusConflict)
}

func TestAllScopes_AreShownWithAnEmptyScopeOrNone(t *testing.T) {
	for _, empty := range []bool{false, true} {
		n := newTenant(t, unknown(sim.Unknowns{EmptyScope: empty}))
		id := n.create(newGrant)
		got := n.want(http.MethodPatch, grantsAt+"/"+id, `{"allow_all_scopes":true}`, http.StatusOK)
		if strings.Contains(got, `"scope":[]`) != empty || strings.Contains(got, `"scope"`) != empty {
			t.Errorf("got %s", got)
		}
		n.want(http.MethodPatch, grantsAt+"/"+id, `{"scope":["a"]}`, http.StatusBadRequest)
	}
}

func TestThirdParties_GetNoSystemAPI(t *testing.T) {
	n := newTenant(t)
	n.AddClient(sim.Client{ID: "tpc_2", ThirdParty: true})
	n.AddAPI(sim.API{Identifier: "https://acme.example.com/me/", IsSystem: true})
	n.want(http.MethodPost, grantsAt, `{"client_id":"tpc_2","audience":"https://acme.example.com/me/","scope":[]}`, http.StatusBadRequest)
}
