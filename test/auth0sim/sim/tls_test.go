package sim_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/clientgrants/clientgrant-operator/test/auth0sim/sim"
)

func TestStartTLS_ServesBothVersionsOfHTTP(t *testing.T) {
	n := start(t, sim.Options{})
	for want, client := range map[int]*http.Client{2: n.client, 1: withoutHTTP2(n.client)} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+n.Domain()+"/api/v2/client-grants", nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		client.CloseIdleConnections()
		if got.ProtoMajor != want || got.StatusCode != http.StatusUnauthorized {
			t.Errorf("HTTP/%d answers %d, want HTTP/%d", got.ProtoMajor, got.StatusCode, want)
		}
	}
}

func TestStartTLS_HasACertificateForItsNames(t *testing.T) {
	n := start(t, sim.Options{Hosts: []string{"acme.auth0.com", "10.1.2.3"}})
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(n.CAPEM()) {
		t.Fatal("no certificate of an authority")
	}
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	connection, err := dialer.DialContext(t.Context(), "tcp", n.Domain())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	leaf := connection.(*tls.Conn).ConnectionState().PeerCertificates[0]
	for _, name := range []string{"127.0.0.1", "::1", "localhost", "acme.auth0.com", "10.1.2.3"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if leaf.VerifyHostname("other.example") == nil {
		t.Error("the certificate is for every name")
	}
}

func TestStartTLS_HasOneAuthorityForAllTenants(t *testing.T) {
	first, second := start(t, sim.Options{}), start(t, sim.Options{})
	if !bytes.Equal(first.CAPEM(), second.CAPEM()) || !bytes.Equal(first.CAPEM(), sim.AuthorityPEM()) {
		t.Error("the tenants have certificates of different authorities")
	}
}

func TestStartTLS_NamesTheTenantAfterItsAddress(t *testing.T) {
	n := start(t, sim.Options{})
	if !strings.HasPrefix(n.Domain(), "127.0.0.1:") || n.ManagementAudience() != "https://"+n.Domain()+"/api/v2/" {
		t.Errorf("domain %s, audience %s", n.Domain(), n.ManagementAudience())
	}
	named := sim.New(sim.Options{Domain: "Acme.EU.auth0.com", ManagementAudience: "https://canonical.example/api/v2/"})
	defer named.Close()
	if named.Domain() != "acme.eu.auth0.com" || named.ManagementAudience() != "https://canonical.example/api/v2/" {
		t.Errorf("domain %s, audience %s", named.Domain(), named.ManagementAudience())
	}
}

func TestStartTLS_SaysWhenItCannotListen(t *testing.T) {
	n := start(t, sim.Options{})
	if second, err := sim.StartTLS(sim.Options{Listen: n.Domain()}); err == nil {
		second.Close()
		t.Error("two tenants listen on one port")
	}
}

func TestServer_TakesItsDomainFromTheFirstRequest(t *testing.T) {
	s := sim.New(sim.Options{})
	defer s.Close()
	n := &tenant{Server: s, t: t}
	n.send(n.request(http.MethodGet, "/api/v2/client-grants", ""))
	if s.Domain() != domain || s.ManagementAudience() != "https://"+domain+"/api/v2/" {
		t.Errorf("domain %s, audience %s", s.Domain(), s.ManagementAudience())
	}
}
