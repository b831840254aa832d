package sim_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

// running is a tenant that is reached over the network.
type running struct {
	*sim.Running
	t      *testing.T
	client *http.Client
	token  string
}

func start(t *testing.T, options sim.Options) *running {
	t.Helper()
	r, err := sim.StartTLS(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	n := &running{Running: r, t: t, client: r.Client()}
	t.Cleanup(n.client.CloseIdleConnections)
	n.AddClient(sim.Client{ID: clientID})
	n.AddAPI(sim.API{Identifier: audience})
	n.token = n.newToken()
	return n
}

func (n *running) newToken() string {
	n.t.Helper()
	form := "grant_type=client_credentials&client_id=" + n.ClientID() + "&client_secret=" + n.ClientSecret() + "&audience=" +
		n.ManagementAudience()
	got, err := n.client.Post("https://"+n.Domain()+"/oauth/token", "application/x-www-form-urlencoded", strings.NewReader(form))
	if err != nil {
		n.t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return field(n.t, string(body), "access_token")
}

// send sends a request over the network; the status is 0 if no answer came.
func (n *running) send(ctx context.Context, method, path, body string) (int, error) {
	n.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "https://"+n.Domain()+"/api/v2"+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.token)
	r.Header.Set("Content-Type", "application/json")
	got, err := n.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer got.Body.Close()
	_, err = io.Copy(io.Discard, got.Body)
	return got.StatusCode, err
}

// withoutHTTP2 is the client with HTTP/1.1 only.
func withoutHTTP2(client *http.Client) *http.Client {
	transport := client.Transport.(*http.Transport).Clone()
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
	return &http.Client{Transport: transport}
}
