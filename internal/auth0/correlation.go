package auth0

import (
	"context"
	"strings"
)

// maxCorrelationID is how many characters of a correlation ID Auth0 takes (documented).
const maxCorrelationID = 64

type correlationKey struct{}

// WithCorrelationID returns a context whose API calls carry the ID as X-Correlation-ID: Auth0 writes it into the
// tenant's log. Characters other than [A-Za-z0-9._-] are left out, and the rest is cut to 64. Nothing is sent of an ID
// that is empty after that. Token requests carry none, as one token serves many calls.
func WithCorrelationID(ctx context.Context, id string) context.Context {
	clean := strings.Map(func(character rune) rune {
		switch {
		case 'a' <= character && character <= 'z', 'A' <= character && character <= 'Z',
			'0' <= character && character <= '9', character == '.', character == '_', character == '-':
			return character
		}
		return -1
	}, id)
	return context.WithValue(ctx, correlationKey{}, clean[:min(len(clean), maxCorrelationID)])
}

func correlationID(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}

type responseKey struct{}

// WithResponse returns a context whose API call tells how it went in to, for a log. What is not sent leaves that as it is.
func WithResponse(ctx context.Context, to *Response) context.Context {
	return context.WithValue(ctx, responseKey{}, to)
}
