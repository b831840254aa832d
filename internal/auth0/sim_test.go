package auth0_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
	"github.com/clientgrants/clientgrant-operator/internal/grant"
	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// simulate starts a simulated tenant with an application and an API, and a client of it.
func simulate(t *testing.T, keyed bool) (*sim.Running, *auth0.Client) {
	t.Helper()
	options := sim.Options{ClientID: "operator", ClientSecret: secretCanary}
	credentials := auth0.Credentials{ClientID: "operator", ClientSecret: secretCanary}
	if keyed {
		options.ClientPublicKey, options.ClientSecret = &rsaKey().PublicKey, ""
		credentials = auth0.Credentials{ClientID: "operator", PrivateKey: pkcs8(rsaKey()), Algorithm: "PS256"}
	}
	tenant, err := sim.StartTLS(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tenant.Close)
	tenant.AddClient(sim.Client{ID: "app"})
	tenant.AddAPI(sim.API{Identifier: "https://api.example.com/", Scopes: []string{"a", "b"}})
	transport := tenant.Client().Transport
	client, err := auth0.New(auth0.Options{
		Domain: tenant.Domain(), Audience: tenant.ManagementAudience(), Credentials: credentials, RoundTripper: transport,
		Timeout: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return tenant, client
}

func TestSimulator_LifeOfAGrant(t *testing.T) {
	for _, keyed := range []bool{false, true} {
		t.Run(fmt.Sprintf("private key %v", keyed), func(t *testing.T) {
			tenant, client := simulate(t, keyed)
			token, err := client.Authenticate(t.Context())
			if err != nil || !slices.Contains(token.Audiences, tenant.ManagementAudience()) ||
				!slices.Contains(token.Scopes, "delete:client_grants") || token.Issuer != "https://"+tenant.Domain()+"/" {
				t.Fatalf("token %v, error %v", token, err)
			}
			identity := grant.Identity{ClientID: "app", Audience: "https://api.example.com/", SubjectType: "client"}
			body := grant.NewGrant(identity, fields("b", "a"))
			made, err := client.Create(t.Context(), body)
			if err != nil || made.Identity("") != identity || !slices.Equal(made.Scope, []string{"b", "a"}) {
				t.Fatalf("made %v, error %v", made, err)
			}
			if _, err := client.Create(t.Context(), body); !auth0.IsConflict(err) {
				t.Errorf("a second one: error %v", err)
			}
			changed, err := client.Update(t.Context(), made.ID, fields())
			if err != nil || changed.Scope == nil || len(changed.Scope) != 0 {
				t.Errorf("changed to %v, error %v", changed, err)
			}
			got, err := client.Get(t.Context(), made.ID)
			if err != nil || !got.Equal(changed) {
				t.Errorf("got %v, error %v", got, err)
			}
			if err := client.Delete(t.Context(), made.ID); err != nil {
				t.Error(err)
			}
			if err := client.Delete(t.Context(), made.ID); err != nil {
				t.Errorf("a second time: %v", err)
			}
			if _, err := client.Get(t.Context(), made.ID); !auth0.IsNotFound(err) {
				t.Errorf("got a deleted grant: error %v", err)
			}
			if _, ok := tenant.Grant(made.ID); ok {
				t.Error("the grant is still there")
			}
			body.ClientID = "nobody"
			if _, err := client.Create(t.Context(), body); !auth0.IsNotFound(err) {
				t.Errorf("for an unknown client: error %v", err)
			}
		})
	}
}

func TestSimulator_ListsEveryGrant(t *testing.T) {
	tenant, client := simulate(t, false)
	for i := range 250 {
		tenant.AddGrant(sim.Grant{ClientID: fmt.Sprintf("app-%d", i%50), Audience: fmt.Sprintf("https://api-%d/", i)})
	}
	list := func(filter auth0.Filter) (ids []string, pages int) {
		from := ""
		for {
			page, err := client.ListPage(t.Context(), filter, from)
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, each := range page.Grants {
				ids = append(ids, each.ID)
			}
			if from = page.Next; from == "" {
				return ids, pages
			}
		}
	}
	for name, paging := range map[string]sim.Paging{
		"full": {}, "short": {Cap: 7}, "empty between": {EmptyPages: true}, "empty at the end": {TrailingPage: true},
	} {
		tenant.Configure(func(s *sim.Settings) { s.Paging = paging })
		ids, pages := list(auth0.Filter{})
		slices.Sort(ids)
		if total := tenant.GrantCount(); len(slices.Compact(ids)) != total || pages < 3 {
			t.Errorf("%s: %d of %d grants on %d pages", name, len(ids), total, pages)
		}
		if ids, _ := list(auth0.Filter{Holder: grant.Holder{ClientID: "app-7"}}); len(ids) != 5 {
			t.Errorf("%s: %d grants of one client", name, len(ids))
		}
		if ids, _ := list(auth0.Filter{Audience: "https://api-9/"}); len(ids) != 1 {
			t.Errorf("%s: %d grants for one API", name, len(ids))
		}
		if ids, _ := list(auth0.Filter{Holder: grant.Holder{DefaultFor: "third_party_clients"}}); len(ids) != 0 {
			t.Errorf("%s: %d default grants", name, len(ids))
		}
	}
}

func TestSimulator_ThingsGoWrong(t *testing.T) {
	tenant, client := simulate(t, false)
	body := grant.New{ClientID: "app", Audience: "https://api.example.com/", Fields: fields("a")}

	tenant.Inject(sim.Fault{Method: http.MethodPost, Route: "/client-grants", After: true, Drop: true})
	if _, err := client.Create(t.Context(), body); !auth0.Unanswered(err) || tenant.GrantCount() == 0 {
		t.Errorf("a lost answer: error %v, %d grants", err, tenant.GrantCount())
	}
	if _, err := client.Create(t.Context(), body); !auth0.IsConflict(err) {
		t.Errorf("after a lost answer: error %v", err)
	}
	made, _ := tenant.FindGrant("app", body.Audience, "client")

	hang := tenant.Inject(sim.Fault{Method: http.MethodPatch, Route: "/client-grants/{id}", Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.Update(ctx, made.ID, fields()); !auth0.Unanswered(err) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that hangs: error %v", err)
	}
	hang.Remove()

	tenant.ExpireTokens()
	if _, err := client.Get(t.Context(), made.ID); !auth0.IsUnauthorized(err) {
		t.Errorf("an expired token: error %v", err)
	}
	if _, err := client.Get(t.Context(), made.ID); err != nil {
		t.Errorf("with the next token: %v", err)
	}

	tenant.Configure(func(s *sim.Settings) { s.RateLimit = sim.RateLimit{Limit: 1, PerSecond: 0.1} })
	_, _ = client.Get(t.Context(), made.ID)
	_, err := client.Get(t.Context(), made.ID)
	if !auth0.IsRateLimited(err) {
		t.Fatalf("beyond the limit: error %v", err)
	}
	limit := asError[*auth0.Error](t, err).RateLimit
	if wait := time.Until(limit.Reset); !limit.Known || limit.Limit != 1 || limit.Remaining != 0 || wait < 0 || wait > 12*time.Second {
		t.Errorf("limit %v", limit)
	}
	tenant.Configure(func(s *sim.Settings) { s.RateLimit = sim.RateLimit{} })

	tenant.Configure(func(s *sim.Settings) { s.GrantedScopes = []string{"read:client_grants"} })
	if _, err := client.Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := client.Delete(t.Context(), made.ID); !auth0.IsForbidden(err) {
		t.Errorf("without the scope: error %v", err)
	}

	tenant.SetClientCredentials("operator", "another", nil)
	_, err = client.Authenticate(t.Context())
	if refused := asError[*auth0.TokenError](t, err); refused.Hint != auth0.HintCredentials {
		t.Errorf("a wrong secret: %v", err)
	}
	tellsNothing(t, err)
}
