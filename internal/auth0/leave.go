package auth0

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// departure follows one request on its way out: what is known about whether it left.
type departure struct {
	asked   atomic.Bool // for a connection
	gotten  atomic.Bool // a connection
	refusal atomic.Pointer[error]
}

// maySent says whether any byte of the request may have left. Only a transport that asked for a connection, reported so,
// and never got one proves that none did.
func (d *departure) maySent() bool {
	return !d.asked.Load() || d.gotten.Load()
}

// leave hands the request to the transport. A failed request comes back with whether it may have been sent; refused
// means that the guard, or a context that had ended, held it back.
func (c *Client) leave(request *http.Request, body []byte) (response *http.Response, way passage, err error) {
	if err := request.Context().Err(); err != nil {
		return nil, heldBack, err
	}
	if err := c.ask(request.Method); err != nil {
		return nil, heldBack, err
	}
	out := &departure{}
	trace := &httptrace.ClientTrace{
		GetConn: func(string) { out.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { out.gotten.Store(true) },
	}
	request = request.WithContext(httptrace.WithClientTrace(request.Context(), trace))
	if body != nil {
		c.attach(request, body, out)
	}
	response, err = c.transport.RoundTrip(request)
	refusal := out.refusal.Load()
	switch {
	case err == nil:
		return response, sent, nil
	case refusal != nil:
		return nil, heldBack, *refusal
	case out.maySent():
		return nil, sent, err
	}
	return nil, unsent, err
}

// passage is how far a request came.
type passage int

const (
	heldBack passage = iota // here, before the transport, or its body in it
	unsent                  // to the transport, which found no connection
	sent                    // perhaps to the server
)

func (c *Client) ask(method string) error {
	if c.guard == nil {
		return nil
	}
	return c.guard(method)
}

// attach gives the request a body that asks the guard again when the transport starts to send it: connecting may have
// taken seconds. Headers without their body are no request that a server could act on.
func (c *Client) attach(request *http.Request, body []byte, out *departure) {
	guarded := func() (io.ReadCloser, error) {
		return &guardedBody{rest: bytes.NewReader(body), ask: func() error {
			err := c.ask(request.Method)
			if err != nil {
				out.refusal.Store(&err)
			}
			return err
		}}, nil
	}
	request.Body, _ = guarded()
	request.GetBody = guarded
	request.ContentLength = int64(len(body))
}

// guardedBody asks once, before its first byte.
type guardedBody struct {
	rest  *bytes.Reader
	ask   func() error
	asked bool
}

func (b *guardedBody) Read(into []byte) (int, error) {
	if !b.asked {
		if err := b.ask(); err != nil {
			return 0, err
		}
		b.asked = true
	}
	return b.rest.Read(into)
}

func (*guardedBody) Close() error {
	return nil
}
