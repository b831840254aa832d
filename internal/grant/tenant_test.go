package grant_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// simulated is a simulated tenant that is asked without a network.
type simulated struct {
	*sim.Server
	token string
}

func simulate(t *testing.T) *simulated {
	t.Helper()
	s := &simulated{Server: sim.New(sim.Options{Domain: "acme.eu.auth0.com"})}
	t.Cleanup(s.Close)
	form := url.Values{
		"grant_type": {"client_credentials"}, "audience": {s.ManagementAudience()},
		"client_id": {s.ClientID()}, "client_secret": {s.ClientSecret()},
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://acme.eu.auth0.com/oauth/token", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, request)
	var issued struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &issued); err != nil || issued.Token == "" {
		t.Fatalf("no token: %s", answer.Body)
	}
	s.token = issued.Token
	return s
}

// call sends the body and returns the grant of the answer.
func (s *simulated) call(t *rapid.T, method, path string, body any) grant.Grant {
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(method, "https://acme.eu.auth0.com/api/v2/client-grants"+path, strings.NewReader(string(text)))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+s.token)
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, request)
	var held grant.Grant
	if err := json.Unmarshal(answer.Body.Bytes(), &held); err != nil || answer.Code >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: status %d: %s", method, text, answer.Code, answer.Body)
	}
	return held
}

// allowed draws what the API allows for the subject type: organizations for clients, types for users.
func allowed(subjectType string) *rapid.Generator[grant.Fields] {
	return rapid.Map(specFields(), func(fields grant.Fields) grant.Fields {
		if subjectType == "user" {
			fields.OrganizationUsage, fields.AllowAnyOrganization = nil, nil
			return fields
		}
		fields.AuthorizationDetailsTypes = nil
		if isTrue(fields.AllowAnyOrganization) {
			fields.OrganizationUsage = new("require")
		}
		return fields
	})
}

func TestTenant_TakesTheRequestsAndHoldsWhatIsDesired(t *testing.T) {
	tenant := simulate(t)
	tenant.AddClient(sim.Client{ID: "app"})
	tenant.AddAPI(sim.API{Identifier: "https://api/", Scopes: []string{"a", "b"}})
	tenant.Configure(func(s *sim.Settings) { s.Unknowns.RefuseDuplicateScopes = true })
	rapid.Check(t, func(t *rapid.T) {
		identity := grant.Identity{ClientID: "app", Audience: "https://api/"}
		identity.SubjectType = rapid.SampledFrom([]string{grant.SubjectTypeClient, "user"}).Draw(t, "subject type")
		first := distinct(allowed(identity.SubjectType).Draw(t, "first"))
		body := grant.NewGrant(identity, first)
		held := tenant.call(t, http.MethodPost, "", body)
		defer tenant.DeleteGrant(held.ID)
		if !held.MadeFrom(body.Hash()) || !grant.Diff(first, held).Empty() || held.Identity("") != identity {
			t.Fatalf("%+v became %+v", body, held)
		}
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			desired := distinct(allowed(identity.SubjectType).Draw(t, "desired"))
			change := grant.Diff(desired, held)
			if change.Empty() {
				continue
			}
			held = tenant.call(t, http.MethodPatch, "/"+held.ID, change)
			if left := grant.Diff(desired, held); !left.Empty() {
				t.Fatalf("%+v was sent, the tenant holds %+v and lacks %+v", change, held, left)
			}
		}
	})
}

func distinct(fields grant.Fields) grant.Fields {
	fields.Scope = grant.Distinct(fields.Scope)
	fields.AuthorizationDetailsTypes = grant.Distinct(fields.AuthorizationDetailsTypes)
	return fields
}
