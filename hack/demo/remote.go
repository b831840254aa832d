package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/clientgrants/clientgrant-operator/test/process/harness"
)

// remote is the simulated tenant, seen through its endpoints for people and scripts.
type remote struct{ *harness.Simulator }

// heldGrant is a grant that the tenant holds.
type heldGrant struct {
	ID       string   `json:"id"`
	ClientID string   `json:"client_id"`
	Audience string   `json:"audience"`
	Scope    []string `json:"scope"`
}

// limit lets the management application do what the operator needs, and no more, as a careful user sets it up.
func (r *remote) limit(ctx context.Context) error {
	scopes := []string{"read:client_grants", "create:client_grants", "update:client_grants", "delete:client_grants"}
	return r.Call(ctx, http.MethodPatch, "settings", map[string]any{"granted_scopes": scopes}, nil)
}

// add gives the tenant an application and an API.
func (r *remote) add(ctx context.Context, application, audience string, scopes []string) error {
	err := r.Call(ctx, http.MethodPost, "clients", map[string]any{"client_id": application, "name": "Billing"}, nil)
	if err != nil {
		return err
	}
	return r.Call(ctx, http.MethodPost, "apis", map[string]any{"identifier": audience, "scopes": scopes}, nil)
}

// grants are those that the tenant holds.
func (r *remote) grants(ctx context.Context) ([]heldGrant, error) {
	var state struct {
		Grants []heldGrant `json:"grants"`
	}
	err := r.Call(ctx, http.MethodGet, "state", nil, &state)
	return state.Grants, err
}

// change changes the scopes of a grant as somebody in the dashboard does.
func (r *remote) change(ctx context.Context, id string, scopes ...string) error {
	return r.Call(ctx, http.MethodPatch, "grants/"+id, map[string]any{"scope": scopes}, nil)
}

// holds says whether the tenant holds one grant, with that ID and exactly these scopes.
func (r *remote) holds(ctx context.Context, id string, scopes ...string) (bool, error) {
	held, err := r.grants(ctx)
	if err != nil || len(held) != 1 || held[0].ID != id {
		return false, err
	}
	sorted := slices.Sorted(slices.Values(held[0].Scope))
	return slices.Equal(sorted, slices.Sorted(slices.Values(scopes))), nil
}

// show says what the tenant holds.
func (r *remote) show(ctx context.Context) (string, error) {
	held, err := r.grants(ctx)
	if err != nil {
		return "", err
	}
	if len(held) == 0 {
		return "no grant", nil
	}
	var grants []string
	for _, grant := range held {
		grants = append(grants, fmt.Sprintf("%s lets %s ask %s for %s", grant.ID, grant.ClientID, grant.Audience,
			strings.Join(grant.Scope, " ")))
	}
	return strings.Join(grants, "; "), nil
}
