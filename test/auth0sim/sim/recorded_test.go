package sim_test

import (
	"net/http"
	"testing"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// The exchanges in this file were recorded with real tenants; only names are changed.

func TestCreate_AnswersAsRecorded(t *testing.T) {
	for _, row := range []struct{ name, body, want string }{
		{
			"a user grant shows its authorization details after the subject type",
			`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":["create:resource"],"subject_type":"user",` +
				`"authorization_details_types":["payment","shipping"]}`,
			`{"id":"cgr_VoablmktAIYPIFnb","client_id":"` + clientID + `","audience":"` + audience + `",` +
				`"scope":["create:resource"],"subject_type":"user","authorization_details_types":["payment","shipping"]}`,
		},
		{
			"the subject type defaults to client and organization settings stand before it",
			`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":[],"allow_any_organization":true,` +
				`"organization_usage":"allow"}`,
			`{"id":"cgr_OEaZkTULi4SQkqv0","client_id":"` + clientID + `","audience":"` + audience + `","scope":[],` +
				`"organization_usage":"allow","allow_any_organization":true,"subject_type":"client"}`,
		},
		{
			"a default grant has no client",
			`{"audience":"` + audience + `","scope":["read:data"],"default_for":"third_party_clients"}`,
			`{"id":"cgr_XB6ZHmjNC4RXBCpg","audience":"` + audience + `","scope":["read:data"],"subject_type":"client",` +
				`"default_for":"third_party_clients"}`,
		},
		{
			"an explicit allow_all_scopes of false is echoed",
			`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":["create:bar"],"allow_all_scopes":false,` +
				`"subject_type":"user","authorization_details_types":["payment","shipping"]}`,
			`{"id":"cgr_aaaaaaaaaaaaaaaa","client_id":"` + clientID + `","audience":"` + audience + `","scope":["create:bar"],` +
				`"subject_type":"user","authorization_details_types":["payment","shipping"],"allow_all_scopes":false}`,
		},
		{
			"scopes that the API does not define are taken, in the order in which they were sent",
			`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":["z:last","create:resource","a:first"]}`,
			`{"id":"cgr_aaaaaaaaaaaaaaaa","client_id":"` + clientID + `","audience":"` + audience + `",` +
				`"scope":["z:last","create:resource","a:first"],"subject_type":"client"}`,
		},
		{
			"a grant with all scopes shows none",
			`{"client_id":"` + clientID + `","audience":"` + audience + `","allow_all_scopes":true}`,
			`{"id":"cgr_aaaaaaaaaaaaaaaa","client_id":"` + clientID + `","audience":"` + audience + `",` +
				`"subject_type":"client","allow_all_scopes":true}`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := newTenant(t)
			created := n.expect(http.MethodPost, grantsAt, row.body, http.StatusCreated, row.want)
			n.expect(http.MethodGet, grantsAt+"/"+field(t, created.body, "id"), "", http.StatusOK, created.body)
		})
	}
}

func TestUpdate_FollowsTheRecordedSequence(t *testing.T) {
	n := newTenant(t)
	id := n.create(`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":["create:bar"],"subject_type":"user",` +
		`"authorization_details_types":["payment","shipping"]}`)
	head := `{"id":"` + id + `","client_id":"` + clientID + `","audience":"` + audience + `"`
	for _, step := range []struct{ body, want string }{
		{
			`{"scope":["create:foo"],"authorization_details_types":["payment"]}`,
			head + `,"scope":["create:foo"],"subject_type":"user","authorization_details_types":["payment"]}`,
		},
		{`{"scope":[]}`, head + `,"scope":[],"subject_type":"user","authorization_details_types":["payment"]}`},
		{
			`{"allow_all_scopes":true}`,
			head + `,"subject_type":"user","authorization_details_types":["payment"],"allow_all_scopes":true}`,
		},
		{
			`{"allow_all_scopes":false,"scope":[]}`,
			head + `,"scope":[],"subject_type":"user","authorization_details_types":["payment"],"allow_all_scopes":false}`,
		},
		{
			`{"scope":["create:foo"]}`,
			head + `,"scope":["create:foo"],"subject_type":"user","authorization_details_types":["payment"],` +
				`"allow_all_scopes":false}`,
		},
		{
			`{"scope":["create:resource","update:resource"],"authorization_details_types":[]}`,
			head + `,"scope":["create:resource","update:resource"],"subject_type":"user","authorization_details_types":[],` +
				`"allow_all_scopes":false}`,
		},
		{ // changes nothing
			`{"scope":["create:resource","update:resource"]}`,
			head + `,"scope":["create:resource","update:resource"],"subject_type":"user","authorization_details_types":[],` +
				`"allow_all_scopes":false}`,
		},
	} {
		n.expect(http.MethodPatch, grantsAt+"/"+id, step.body, http.StatusOK, step.want)
		n.expect(http.MethodGet, grantsAt+"/"+id, "", http.StatusOK, step.want)
	}
}

func TestDelete_IsDoneTwiceAsRecorded(t *testing.T) {
	n := newTenant(t)
	id := n.create(`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":["create:resource"]}`)
	deleted := n.expect(http.MethodDelete, grantsAt+"/"+id, "", http.StatusNoContent, "")
	if got := deleted.header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("content type of the 204 is %q", got)
	}
	n.expect(http.MethodGet, grantsAt+"/"+id, "", http.StatusNotFound,
		`{"statusCode":404,"error":"Not Found","message":"The grant does not exist.","errorCode":"inexistent_client_grant"}`)
	n.expect(http.MethodDelete, grantsAt+"/"+id, "", http.StatusNoContent, "")
}

func TestOrganizationLinks_AnswerAsRecorded(t *testing.T) {
	n := newTenant(t)
	org := field(t, n.want(http.MethodPost, "/organizations",
		`{"name":"test-org","display_name":"Test Org","is_app_entitlement_active":true}`, http.StatusCreated), "id")
	id := n.create(`{"client_id":"` + clientID + `","audience":"` + audience + `","scope":[],"allow_any_organization":true,` +
		`"organization_usage":"allow"}`)
	links := "/organizations/" + org + "/client-grants"
	rest := `"client_id":"` + clientID + `","audience":"` + audience + `","scope":[],"organization_usage":"allow",` +
		`"allow_any_organization":true`
	shown := `{"id":"` + org + `","name":"test-org","display_name":"Test Org","third_party_client_access":"block",` +
		`"is_app_entitlement_active":true}`

	n.expect(http.MethodPost, links, `{"grant_id":"`+id+`"}`, http.StatusCreated, `{"grant_id":"`+id+`",`+rest+`}`)
	n.expect(http.MethodPost, links, `{"grant_id":"`+id+`"}`, http.StatusConflict, failure(t, http.StatusConflict,
		"The client grant has already been added to this organization.", ""))
	linked := `{"id":"` + id + `",` + rest + `,"subject_type":"client"}`
	n.expect(http.MethodGet, links, "", http.StatusOK, `[`+linked+`]`)
	n.expect(http.MethodGet, links+"?include_totals=true&per_page=50", "", http.StatusOK,
		`{"client_grants":[`+linked+`],"start":0,"limit":50,"total":1}`)
	n.expect(http.MethodGet, links+"?include_totals=true&page=1&per_page=50", "", http.StatusOK,
		`{"client_grants":[],"start":50,"limit":50,"total":1}`)
	n.expect(http.MethodGet, links+"?grant_ids="+id+"&include_totals=true&per_page=50", "", http.StatusOK,
		`{"client_grants":[`+linked+`],"start":0,"limit":50,"total":1}`)
	n.expect(http.MethodGet, links+"?grant_ids=cgr_0000000000000000", "", http.StatusOK, `[]`)
	n.expect(http.MethodGet, grantsAt+"/"+id+"/organizations?include_totals=true&per_page=50", "", http.StatusOK,
		`{"organizations":[`+shown+`],"start":0,"limit":50,"total":1}`)
	n.expect(http.MethodGet, grantsAt+"/"+id+"/organizations?include_totals=true&take=50", "", http.StatusOK,
		`{"organizations":[`+shown+`]}`)
	n.expect(http.MethodDelete, links+"/"+id, "", http.StatusNoContent, "")
	n.expect(http.MethodGet, links+"?include_totals=true&per_page=50", "", http.StatusOK,
		`{"client_grants":[],"start":0,"limit":50,"total":0}`)
}

func TestExpressConfiguration_ComesWithASystemGrant(t *testing.T) {
	n := newTenant(t)
	body := n.want(http.MethodPost, "/clients", `{"name":"Express","app_type":"express_configuration"}`, http.StatusCreated)
	id := field(t, body, "client_id")
	grants := n.GrantsOf(id)
	if len(grants) != 1 || !grants[0].IsSystem || len(grants[0].Scope) != 16 || grants[0].Audience != n.ManagementAudience() {
		t.Fatalf("the client's grants are %+v", grants)
	}
	n.expect(http.MethodPost, grantsAt,
		`{"client_id":"`+id+`","audience":"`+audience+`","scope":["create:resource"],"subject_type":"client"}`,
		http.StatusBadRequest, failure(t, http.StatusBadRequest, "Client of type express_configuration cannot be used",
			"validation_error"))
}

func TestClientDeletion_RemovesItsGrants(t *testing.T) {
	n := newTenant(t)
	kept := n.AddGrant(sim.Grant{ClientID: "other", Audience: audience})
	n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience})
	n.AddGrant(sim.Grant{ClientID: clientID, Audience: audience, SubjectType: "user"})
	n.expect(http.MethodDelete, "/clients/"+clientID, "", http.StatusNoContent, "")
	if grants := n.Grants(); len(grants) != 1 || grants[0].ID != kept.ID {
		t.Errorf("left are %+v", grants)
	}
	n.expect(http.MethodGet, "/clients/"+clientID, "", http.StatusNotFound,
		`{"statusCode":404,"error":"Not Found","message":"The client does not exist","errorCode":"inexistent_client"}`)
	n.expect(http.MethodDelete, "/clients/"+clientID, "", http.StatusNoContent, "")
}
