package grant_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/clientgrants/clientgrant-operator/internal/grant"
)

// A hash outlives the process that made it, and its version: it stands in a status until the request is answered.
func TestHash_IsTheSHA256OfTheBodyWithSortedSets(t *testing.T) {
	tests := map[string]struct {
		fields grant.Fields
		body   string
	}{
		"scopes": {
			scopes("b", "a", "b"), `{"client_id":"app","audience":"https://api.example.com/","scope":["a","b"]}`,
		},
		"no scopes": {scopes(), `{"client_id":"app","audience":"https://api.example.com/","scope":[]}`},
		"every field": {
			grant.Fields{
				Scope: []string{"a"}, OrganizationUsage: new("allow"), AllowAnyOrganization: new(true),
				AuthorizationDetailsTypes: []string{"y", "x"},
			},
			`{"client_id":"app","audience":"https://api.example.com/","scope":["a"],"organization_usage":"allow",` +
				`"allow_any_organization":true,"authorization_details_types":["x","y"]}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sum := sha256.Sum256([]byte(test.body))
			body := grant.NewGrant(app, test.fields)
			before := slices.Clone(body.Scope)
			want(t, "hash", body.Hash(), hex.EncodeToString(sum[:]))
			want(t, "the body's scopes", body.Scope, before)
		})
	}
}

func TestHash_OrderAndDuplicatesMeanNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		identity, fields := anyIdentity().Draw(t, "identity"), specFields().Draw(t, "fields")
		if grant.NewGrant(identity, fields).Hash() != grant.NewGrant(identity, shuffledFields(t, fields)).Hash() {
			t.Fatal("another order has another hash")
		}
	})
}

func TestHash_DiffersWhereTheRequestsDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := grant.NewGrant(anyIdentity().Draw(t, "a"), specFields().Draw(t, "fields of a"))
		b := grant.NewGrant(anyIdentity().Draw(t, "b"), specFields().Draw(t, "fields of b"))
		asGrant := func(n grant.New) grant.Grant {
			return grant.Grant{
				ClientID: n.ClientID, DefaultFor: n.DefaultFor, Audience: n.Audience, SubjectType: n.SubjectType, Fields: n.Fields,
			}
		}
		if (a.Hash() == b.Hash()) != asGrant(a).Equal(asGrant(b)) {
			t.Fatalf("%+v has hash %s, %+v has %s", a, a.Hash(), b, b.Hash())
		}
	})
}

// madeBy is the grant that the API makes of a create request: it may fill optional fields that the request left out.
func madeBy(t *rapid.T, identity grant.Identity, sent grant.Fields) grant.Grant {
	fields := shuffledFields(t, sent)
	if fields.OrganizationUsage == nil {
		fields.OrganizationUsage = rapid.Ptr(usages, true).Draw(t, "filled organization_usage")
	}
	if fields.AllowAnyOrganization == nil {
		fields.AllowAnyOrganization = rapid.Ptr(rapid.Bool(), true).Draw(t, "filled allow_any_organization")
	}
	if fields.AuthorizationDetailsTypes == nil {
		fields.AuthorizationDetailsTypes = maybe(rapid.SliceOfN(someTypes, 0, 2)).Draw(t, "filled types")
	}
	if fields.AllowAllScopes == nil && rapid.Bool().Draw(t, "filled allow_all_scopes") {
		fields.AllowAllScopes = new(false)
	}
	return grant.Grant{
		ID: "cgr_1", ClientID: identity.ClientID, DefaultFor: identity.DefaultFor, Audience: identity.Audience,
		SubjectType: identity.SubjectType, Fields: fields,
	}
}

func TestMadeFrom_KnowsWhatTheServerMadeOfARequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		identity, sent := anyIdentity().Draw(t, "identity"), specFields().Draw(t, "sent")
		made := madeBy(t, identity, sent)
		if hash := grant.NewGrant(identity, sent).Hash(); !made.MadeFrom(hash) {
			t.Fatalf("%+v is not known as made from %+v", made, sent)
		}
	})
}

func TestMadeFrom_RefusesWhatDiffersInAnySentField(t *testing.T) {
	differ := map[string]func(*grant.Grant) bool{
		"client":       func(g *grant.Grant) bool { g.ClientID += "x"; return g.DefaultFor == "" },
		"group":        func(g *grant.Grant) bool { g.DefaultFor += "x"; return g.ClientID == "" },
		"audience":     func(g *grant.Grant) bool { g.Audience += "/"; return true },
		"subject type": func(g *grant.Grant) bool { g.SubjectType += "x"; return true },
		"a scope more": func(g *grant.Grant) bool {
			g.Scope = append(slices.Clone(g.Scope), "more")
			return !isTrue(g.AllowAllScopes) // Which one is listed means nothing while all are allowed.
		},
		"a scope less": func(g *grant.Grant) bool {
			if len(g.Scope) == 0 {
				return false
			}
			g.Scope = grant.Without(g.Scope, g.Scope[:1])
			return true
		},
		"all scopes": func(g *grant.Grant) bool {
			on := isTrue(g.AllowAllScopes)
			g.AllowAllScopes = new(!on)
			if g.Scope = nil; on {
				g.Scope = []string{}
			}
			return true
		},
	}
	for name, change := range differ {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				identity, sent := anyIdentity().Draw(t, "identity"), specFields().Draw(t, "sent")
				made := madeBy(t, identity, sent)
				before := made
				if !change(&made) || made.Identity("") == before.Identity("") && made.Equal(before) {
					return // It has no such field.
				}
				if made.MadeFrom(grant.NewGrant(identity, sent).Hash()) {
					t.Fatalf("%+v passes for made from %+v", made, sent)
				}
			})
		})
	}
	optional := map[string]func(sent grant.Fields, made *grant.Grant) bool{
		"organization usage": func(sent grant.Fields, made *grant.Grant) bool {
			made.OrganizationUsage = new("another")
			return sent.OrganizationUsage != nil && *sent.OrganizationUsage != "deny"
		},
		"any organization": func(sent grant.Fields, made *grant.Grant) bool {
			made.AllowAnyOrganization = new(!isTrue(sent.AllowAnyOrganization))
			return isTrue(sent.AllowAnyOrganization)
		},
		"types": func(sent grant.Fields, made *grant.Grant) bool {
			made.AuthorizationDetailsTypes = append(slices.Clone(sent.AuthorizationDetailsTypes), "another")
			return sent.AuthorizationDetailsTypes != nil
		},
	}
	for name, change := range optional {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				identity, sent := anyIdentity().Draw(t, "identity"), specFields().Draw(t, "sent")
				made := madeBy(t, identity, sent)
				if wasSent := change(sent, &made); made.MadeFrom(grant.NewGrant(identity, sent).Hash()) == wasSent {
					t.Fatalf("%+v, made from %+v: sent %v", made, sent, wasSent)
				}
			})
		})
	}
}

func TestMadeFrom_KnowsAClosedValueThatTheAnswerDoesNotShow(t *testing.T) {
	closed := grant.Fields{
		Scope: []string{"a"}, OrganizationUsage: new("deny"), AllowAnyOrganization: new(false),
		AuthorizationDetailsTypes: []string{}, AllowAllScopes: new(false),
	}
	shown := grant.Grant{ID: "cgr_1", ClientID: app.ClientID, Audience: app.Audience, SubjectType: "client", Fields: scopes("a")}
	want(t, "made from closed values", shown.MadeFrom(grant.NewGrant(app, closed).Hash()), true)
	for name, open := range map[string]func(*grant.Fields){
		"organization usage": func(f *grant.Fields) { f.OrganizationUsage = new("allow") },
		"any organization":   func(f *grant.Fields) { f.AllowAnyOrganization = new(true) },
		"types":              func(f *grant.Fields) { f.AuthorizationDetailsTypes = []string{"payment"} },
		"all scopes":         func(f *grant.Fields) { f.AllowAllScopes = new(true) },
	} {
		sent := closed
		open(&sent)
		want(t, "made from another "+name, shown.MadeFrom(grant.NewGrant(app, sent).Hash()), false)
	}
}

// An earlier version sent closed values, too. Its requests may still be without an answer when this one starts.
func TestMadeFrom_KnowsRequestsThatHeldClosedValues(t *testing.T) {
	identity, fields := app, grant.Fields{
		Scope: []string{"a"}, OrganizationUsage: new("deny"), AllowAnyOrganization: new(false), AllowAllScopes: new(false),
	}
	sent := grant.New{ClientID: identity.ClientID, Audience: identity.Audience, Fields: fields}.Hash()
	for name, shown := range map[string]grant.Fields{
		"not shown": scopes("a"), "shown": fields,
		"some shown": {Scope: []string{"a"}, OrganizationUsage: new("deny")},
	} {
		made := grant.Grant{ID: "cgr_1", ClientID: app.ClientID, Audience: app.Audience, SubjectType: "client", Fields: shown}
		want(t, name, made.MadeFrom(sent), true)
		made.Scope = []string{}
		want(t, name+", with no scope kept", made.MadeLess(sent, fields), true)
	}
}

func TestMadeFrom_LeavesScopesOutWhileAllAreAllowed(t *testing.T) {
	all := grant.Fields{AllowAllScopes: new(true)}
	shown := grant.Grant{ID: "cgr_1", ClientID: app.ClientID, Audience: app.Audience, Fields: all}
	shown.Scope = []string{}
	want(t, "shown with an empty list", shown.MadeFrom(grant.NewGrant(app, all).Hash()), true)
}

func TestMadeLess(t *testing.T) {
	asked := grant.Fields{Scope: []string{"a", "b"}, OrganizationUsage: new("allow")}
	tests := map[string]struct {
		held  grant.Fields
		asked grant.Fields
		want  bool
	}{
		"a scope was dropped":              {held: grant.Fields{Scope: []string{"a"}, OrganizationUsage: new("allow")}, want: true},
		"all scopes were dropped":          {held: grant.Fields{Scope: []string{}}, want: true},
		"a scope more":                     {held: scopes("a", "b", "c")},
		"any organization more":            {held: grant.Fields{Scope: []string{"a"}, AllowAnyOrganization: new(true)}},
		"the spec asks for something else": {held: scopes("a"), asked: scopes("a", "c")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.asked.Empty() {
				test.asked = asked
			}
			held := grant.Grant{ID: "cgr_1", ClientID: app.ClientID, Audience: app.Audience, Fields: test.held}
			want(t, "made less", held.MadeLess(grant.NewGrant(app, asked).Hash(), test.asked), test.want)
		})
	}
}

func TestMadeFrom_KnowsNothingWithoutAHash(t *testing.T) {
	made := grant.Grant{ID: "cgr_1", ClientID: "app", Audience: "x", Fields: scopes()}
	want(t, "no hash", made.MadeFrom(""), false)
	want(t, "another hash", made.MadeFrom("0"), false)
}
