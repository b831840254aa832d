package sim

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Running is a tenant that serves HTTPS.
type Running struct {
	*Server
	caPEM    []byte
	http     *http.Server
	finished chan struct{}
}

// StartTLS starts a tenant on 127.0.0.1 and a free port, or on Options.Listen, with HTTP/1.1 and HTTP/2 and a
// certificate for 127.0.0.1, ::1, localhost and Options.Hosts. Close ends it.
func StartTLS(options Options) (*Running, error) {
	if options.Listen == "" {
		options.Listen = "127.0.0.1:0"
	}
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", options.Listen)
	if err != nil {
		return nil, err
	}
	if options.Domain == "" {
		options.Domain = reachable(listener.Addr().(*net.TCPAddr), options.Hosts)
	}
	caPEM, certificate, err := makeCertificate(append([]string{"127.0.0.1", "::1", "localhost"}, options.Hosts...))
	if err != nil {
		return nil, err
	}
	r := &Running{Server: New(options), caPEM: caPEM, finished: make(chan struct{})}
	r.http = &http.Server{
		Handler:           r.Server,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // refused handshakes are the business of the clients' tests
	}
	go func() {
		defer close(r.finished)
		_ = r.http.ServeTLS(listener, "", "") // ends when Close is called
	}()
	return r, nil
}

// reachable is the host and port under which a client finds the listener; one that listens everywhere has no address
// of its own.
func reachable(address *net.TCPAddr, hosts []string) string {
	if !address.IP.IsUnspecified() {
		return address.String()
	}
	host := "127.0.0.1"
	if len(hosts) > 0 {
		host = hosts[0]
	}
	return net.JoinHostPort(host, strconv.Itoa(address.Port))
}

// CAPEM is the certificate of the authority that a client has to trust.
func (r *Running) CAPEM() []byte { return r.caPEM }

// Client is an HTTP client that trusts the tenant.
func (r *Running) Client() *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(r.caPEM)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
	}}
}

// Close ends every connection and stops listening. The tenant's state can still be read.
func (r *Running) Close() {
	_ = r.http.Close() // what cannot be closed is closed
	<-r.finished
	r.Server.Close()
}

// authority signs the certificates of every tenant of this process, so that a client trusts them all by one file.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

var processAuthority = sync.OnceValues(func() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of the authority: %w", err)
	}
	certificate := template("auth0sim authority", 1)
	certificate.IsCA, certificate.BasicConstraintsValid = true, true
	certificate.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, certificate, certificate, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the authority: %w", err)
	}
	return &authority{certificate, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
})

// AuthorityPEM is the certificate of the authority of every tenant that this process starts. It panics where the
// machine has no randomness.
func AuthorityPEM() []byte {
	a, err := processAuthority()
	if err != nil {
		panic("sim: " + err.Error())
	}
	return a.pem
}

// makeCertificate makes a server certificate for hosts, which are names and addresses.
func makeCertificate(hosts []string) (caPEM []byte, server tls.Certificate, err error) {
	signer, err := processAuthority()
	if err != nil {
		return nil, tls.Certificate{}, err
	}
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, tls.Certificate{}, fmt.Errorf("making the server's key: %w", err)
	}
	leaf := template("auth0sim", time.Now().UnixNano())
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, signer.certificate, serverKey.Public(), signer.key)
	if err != nil {
		return nil, tls.Certificate{}, fmt.Errorf("making the server's certificate: %w", err)
	}
	return signer.pem, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: serverKey}, nil
}

func template(name string, serial int64) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 1, 0),
	}
}
