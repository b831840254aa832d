package auth0

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second
	// pingAfter is how long an HTTP/2 connection may be silent before it must prove that it still stands.
	pingAfter = 15 * time.Second
	// maxIdle is how many connections are kept for later; a tenant is never asked by more than a few calls at once.
	maxIdle = 4
	// maxHeader bounds the head of an answer, in bytes.
	maxHeader = 256 << 10
)

var errNoHTTP = errors.New("the answer switches to another protocol")

// sender is the last step before the network, shared by API calls and token requests.
type sender struct {
	next  http.RoundTripper
	agent string
}

func newSender(next http.RoundTripper, agent string, timeout time.Duration, fence func() error) sender {
	if next == nil {
		next = newTransport(timeout, fence)
	}
	return sender{next: next, agent: agent}
}

// RoundTrip sends the request once. A switch of protocols is an error: nothing would bound the reading of its body.
func (s sender) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("User-Agent", s.agent)
	response, err := s.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < http.StatusOK {
		_ = response.Body.Close()
		return nil, errNoHTTP
	}
	return response, nil
}

// CloseIdleConnections passes on what http.Client and closeIdle ask for.
func (s sender) CloseIdleConnections() {
	closeIdle(s.next)
}

func closeIdle(transport http.RoundTripper) {
	if closer, ok := transport.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// fenced is a connection on which nothing leaves that the fence refuses.
type fenced struct {
	net.Conn
	fence func() error
}

// Write sends what the fence lets through.
func (c fenced) Write(data []byte) (int, error) {
	if err := c.fence(); err != nil {
		return 0, err
	}
	return c.Conn.Write(data)
}

func newTransport(timeout time.Duration, fence func() error) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: idleTimeout / 3}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil || fence == nil {
				return conn, err
			}
			return fenced{conn, fence}, nil
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    handshakeTimeout,
		ResponseHeaderTimeout:  timeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingAfter},
	}
}
