package auth0

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Bounds of an answer's body, in bytes, after decompression: a page of a hundred grants, and anything else.
const (
	maxList = 4 << 20
	maxBody = 1 << 20
)

var (
	errTooLarge = errors.New("the answer is too large")
	errNotJSON  = errors.New("the answer is not JSON")
)

// apiCall is one request of the Management API.
type apiCall struct {
	method string
	route  string // the path with {id} in the place of an ID: for errors and metrics
	path   string // escaped
	query  url.Values
	body   []byte
	limit  int64 // of a good answer's body
}

// apiAnswer is what came back; err says that its body could not be read to the end.
type apiAnswer struct {
	status    int
	header    http.Header
	rateLimit RateLimit
	body      []byte
	err       error
}

// do makes the call once, with a token, and returns the body of a 2xx answer that is JSON or has none (204).
func (c *Client) do(ctx context.Context, call apiCall) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	token, err := c.tokens.get(ctx)
	if err != nil {
		return nil, err
	}
	secrets := []string{c.identity.secret(), token.access, token.assertion}
	request, err := c.request(ctx, call, token)
	if err != nil {
		return nil, call.failed(false, err, secrets...)
	}
	answer, way, err := c.exchange(request, call)
	if err != nil {
		return nil, call.failed(way == sent, ended(ctx, err), secrets...)
	}
	switch {
	case answer.status >= http.StatusMultipleChoices:
		refused := newError(call, answer, secrets...)
		if IsUnauthorized(refused) {
			c.tokens.drop(token)
		}
		return nil, refused
	case answer.err != nil:
		return nil, call.failed(true, ended(ctx, answer.err), secrets...)
	case answer.status != http.StatusNoContent && !isJSON(answer.header):
		return nil, call.failed(true, ended(ctx, errNotJSON))
	}
	return answer.body, nil
}

func (c *Client) request(ctx context.Context, call apiCall, token *bearer) (*http.Request, error) {
	address := c.base + call.path
	if len(call.query) > 0 {
		address += "?" + call.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, call.method, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Authorization", "Bearer "+token.access)
	if call.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if id := correlationID(ctx); id != "" {
		request.Header.Set("X-Correlation-ID", id)
	}
	return request, nil
}

// exchange sends the request, reads the answer and tells the observer.
func (c *Client) exchange(request *http.Request, call apiCall) (apiAnswer, passage, error) {
	start := time.Now()
	response, way, err := c.leave(request, call.body)
	if way == heldBack {
		return apiAnswer{}, way, err
	}
	var got apiAnswer
	if err == nil {
		defer func() { _ = response.Body.Close() }()
		got = read(response, call.limit)
	}
	told := Response{
		Method: call.method, Route: call.route, Status: got.status, RateLimit: got.rateLimit, Duration: time.Since(start),
	}
	if to, ok := request.Context().Value(responseKey{}).(*Response); ok {
		*to = told
	}
	if c.observe != nil {
		c.observe(told)
	}
	return got, way, err
}

// read takes the body in, within its bound; a larger one is an error, and costs the connection when it is closed.
func read(response *http.Response, limit int64) apiAnswer {
	if response.StatusCode >= http.StatusMultipleChoices {
		limit = maxBody
	}
	got := apiAnswer{
		status: response.StatusCode, header: response.Header, rateLimit: rateLimitOf(response.Header, time.Now()),
	}
	got.body, got.err = io.ReadAll(io.LimitReader(response.Body, limit+1))
	if got.err == nil && int64(len(got.body)) > limit {
		got.err = errTooLarge
	}
	return got
}

// failed is the error of a call without a definite answer.
func (call apiCall) failed(sent bool, err error, secrets ...string) *TransportError {
	return &TransportError{Method: call.method, Route: call.route, Sent: sent, err: newCause(err, secrets...)}
}

// broken is the error of a call whose 2xx answer is not what the API answers.
func (call apiCall) broken(reason string, arguments ...any) *TransportError {
	return call.failed(true, fmt.Errorf("the answer is broken: "+reason, arguments...))
}

// unmade is the error of a call that is wrong in itself.
func (call apiCall) unmade(err error) error {
	return fmt.Errorf("%s %s: %w", call.method, call.route, err)
}

// ended is the context's error if it has ended: what the transport says then is only a consequence.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// newError reads the body of an error: {"statusCode","error","message","errorCode"} (recorded; errorCode may be missing). A
// body with neither statusCode nor errorCode is foreign; its message is shown all the same.
func newError(call apiCall, answer apiAnswer, secrets ...string) *Error {
	var told struct {
		Status  *int   `json:"statusCode"`
		Code    string `json:"errorCode"`
		Message string `json:"message"`
	}
	if isJSON(answer.header) {
		_ = json.Unmarshal(answer.body, &told)
	}
	return &Error{
		Method: call.method, Route: call.route, Status: answer.status, Foreign: told.Status == nil && told.Code == "",
		Code: shown(told.Code, secrets...), Message: shown(told.Message, secrets...), RateLimit: answer.rateLimit,
	}
}
