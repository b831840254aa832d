package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// remote is the simulated tenant, seen through its endpoints for people and scripts.
type remote struct {
	domain, caFile, clientID, clientSecret string

	client *http.Client
}

// heldGrant is a grant that the tenant holds.
type heldGrant struct {
	ID       string   `json:"id"`
	ClientID string   `json:"client_id"`
	Audience string   `json:"audience"`
	Scope    []string `json:"scope"`
}

func newRemote(told map[string]string) (*remote, error) {
	certificate, err := os.ReadFile(told["ca_file"])
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		return nil, errors.New("the simulator's certificate cannot be read")
	}
	return &remote{
		domain: told["domain"], caFile: told["ca_file"], clientID: told["client_id"], clientSecret: told["client_secret"],
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		}},
	}, nil
}

// call calls an endpoint of the simulator and decodes its answer.
func (r *remote) call(ctx context.Context, method, path string, body, answer any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "https://"+r.domain+"/_sim/"+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("the simulator answers %d to %s %s: %s", response.StatusCode, method, path, got)
	}
	return json.Unmarshal(got, answer)
}

// add gives the tenant an application and an API.
func (r *remote) add(ctx context.Context, application, audience string, scopes []string) error {
	var added any
	err := r.call(ctx, http.MethodPost, "clients", map[string]any{"client_id": application, "name": "Billing"}, &added)
	if err != nil {
		return err
	}
	return r.call(ctx, http.MethodPost, "apis", map[string]any{"identifier": audience, "scopes": scopes}, &added)
}

// grants are those that the tenant holds.
func (r *remote) grants(ctx context.Context) ([]heldGrant, error) {
	var state struct {
		Grants []heldGrant `json:"grants"`
	}
	err := r.call(ctx, http.MethodGet, "state", nil, &state)
	return state.Grants, err
}

// change changes the scopes of a grant as somebody in the dashboard does.
func (r *remote) change(ctx context.Context, id string, scopes ...string) error {
	var changed any
	return r.call(ctx, http.MethodPatch, "grants/"+id, map[string]any{"scope": scopes}, &changed)
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
