package auth0_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func TestNames_AreReadPageByPage(t *testing.T) {
	tenant, client := simulate(t, false)
	for range 230 {
		tenant.AddClient(sim.Client{Name: "An application"})
	}
	applications, pages := map[string]auth0.Application{}, 0
	for next := ""; ; {
		found, after, err := client.ListApplications(t.Context(), next)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range found {
			applications[one.ClientID] = one
		}
		if pages, next = pages+1, after; next == "" {
			break
		}
	}
	if got := applications["operator"]; len(applications) != 232 || pages != 3 || got.Name != "Management client" || got.FirstParty == nil ||
		!*got.FirstParty || !cmp.Equal(got.GrantTypes, []string{"client_credentials"}) {
		t.Errorf("%d applications on %d pages, the operator's is %+v", len(applications), pages, got)
	}
	for _, call := range tenant.Log() {
		if call.Route == "/clients" && call.Query != "fields=client_id%2Cname%2Cgrant_types%2Cis_first_party&include_fields=true&take=100" &&
			call.Query != "fields=client_id%2Cname%2Cgrant_types%2Cis_first_party&from="+fromOf(call.Query)+"&include_fields=true&take=100" {
			t.Errorf("asks for more than names: %s", call.Query)
		}
	}
	for i := range 1050 {
		tenant.AddAPI(sim.API{Identifier: string(rune('a'+i%26)) + "://" + string(rune(0x4e00+i)), Scopes: []string{"s"}})
	}
	apis, number := map[string]auth0.API{}, 0
	for more := true; more; number++ {
		var found []auth0.API
		var err error
		if found, more, err = client.ListAPIs(t.Context(), number); err != nil {
			t.Fatal(err)
		}
		for _, one := range found {
			apis[one.Identifier] = one
		}
	}
	want := auth0.API{
		Identifier: "https://api.example.com/", Name: "https://api.example.com/", Scopes: []auth0.APIScope{{Value: "a"}, {Value: "b"}}, TokenLifetime: 86400,
		Policies: auth0.APIAccess{User: auth0.APIPolicy{Policy: "allow_all"}, Client: auth0.APIPolicy{Policy: "require_client_grant"}},
	}
	if diff := cmp.Diff(want, apis[want.Identifier]); diff != "" || len(apis) != 1000 || number != 10 {
		t.Errorf("%d APIs on %d pages (-want +got):\n%s", len(apis), number, diff)
	}
}

// fromOf is the checkpoint of a query.
func fromOf(query string) string {
	values, _ := url.ParseQuery(query)
	return values.Get("from")
}

func TestNames_RefuseWhatIsNoPage(t *testing.T) {
	for _, body := range []string{`[]`, `{}`, `{"clients":null,"resource_servers":null}`, `{"clients":[],"next":""`, `{"clients":{},"resource_servers":7}`} {
		client := newTenant(t, answering(http.StatusOK, body)).client(t)
		_, _, applications := client.ListApplications(t.Context(), "")
		_, _, apis := client.ListAPIs(t.Context(), 0)
		for _, err := range []error{applications, apis} {
			if _, broken := errors.AsType[*auth0.TransportError](err); !broken {
				t.Errorf("%s: error %v", body, err)
			}
		}
	}
	client := newTenant(t, answering(http.StatusOK, `{"clients":[{"client_id":"a"}],"next":"x"}`)).client(t)
	if _, _, err := client.ListApplications(t.Context(), "x"); err == nil {
		t.Error("a page that names itself as the next one is taken for one")
	}
}
