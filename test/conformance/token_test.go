package conformance

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/auth0/go-auth0/v3/management"
	clientgrants "github.com/auth0/go-auth0/v3/management/clientgrants/client"
	"github.com/auth0/go-auth0/v3/management/core"
	"github.com/auth0/go-auth0/v3/management/option"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func TestPrivateKeyJWT_IsTaken(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	for _, algorithm := range []string{"RS256", "RS384", "PS256"} {
		t.Run(algorithm, func(t *testing.T) {
			n := start(t, sim.Options{ClientID: "operator", ClientPublicKey: &key.PublicKey})
			n.SetClientCredentials("operator", "", &key.PublicKey)
			ctx := context.WithoutCancel(t.Context())
			grants := clientgrants.NewClient(core.NewRequestOptions(
				option.WithBaseURL("https://"+n.Domain()+"/api/v2"),
				option.WithClientCredentialsPrivateKeyJwt(ctx, "operator", text, algorithm),
			))
			if _, err := grants.List(t.Context(), &management.ListClientGrantsRequestParameters{}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestToken_IsAskedForOnceAndForTheRightAudience(t *testing.T) {
	const canonical = "https://canonical.example/api/v2/"
	ctx := context.WithoutCancel(t.Context())
	n := start(t, sim.Options{ClientID: "operator", ClientSecret: "secret", ManagementAudience: canonical})
	grants := clientgrants.NewClient(core.NewRequestOptions(
		option.WithBaseURL("https://"+n.Domain()+"/api/v2"),
		option.WithClientCredentialsAndAudience(ctx, "operator", "secret", canonical),
	))
	for range 3 {
		if _, err := grants.List(t.Context(), &management.ListClientGrantsRequestParameters{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := n.Requests("POST", "/oauth/token"); got != 1 {
		t.Errorf("%d requests for a token", got)
	}
}
