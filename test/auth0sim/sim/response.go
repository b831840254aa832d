package sim

import (
	"maps"
	"net/http"
)

// response is an answer before it is sent.
type response struct {
	status int
	header http.Header
	body   []byte
	fault  bool // not what the API would have answered
}

// errorBody is the general shape of the Management API's errors; errorCode may be missing.
type errorBody struct {
	StatusCode int               `json:"statusCode"`
	Error      string            `json:"error"`
	Message    string            `json:"message"`
	ErrorCode  string            `json:"errorCode,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// reply answers with a JSON body.
func reply(status int, body any) response {
	return response{status: status, header: http.Header{}, body: encode(body)}
}

// noContent answers 204: no body, although the content type is there (recorded).
func noContent() response { return response{status: http.StatusNoContent, header: http.Header{}} }

// fail answers with an error; code may be empty.
func fail(status int, message, code string) response {
	return reply(status, errorBody{
		StatusCode: status, Error: http.StatusText(status), Message: message, ErrorCode: code,
	})
}

// Errors that several endpoints share, as recorded unless noted.
var (
	errUnknownRoute  = fail(http.StatusNotFound, "Not Found", "")
	errUnknownGrant  = fail(http.StatusNotFound, "The grant does not exist.", "inexistent_client_grant")
	errUnknownClient = fail(http.StatusNotFound, "The client does not exist", "inexistent_client")
	errUnknownAPI    = fail(http.StatusNotFound, "The resource server does not exist", "inexistent_resource_server")
	errUnknownOrg    = fail(http.StatusNotFound, "No organization found by that id or name", "")
	errTooLarge      = reply(http.StatusRequestEntityTooLarge, errorBody{ // the limit is documented, the words are hapi's
		StatusCode: http.StatusRequestEntityTooLarge, Error: "Request Entity Too Large",
		Message: "Payload content length greater than maximum allowed: 1048576",
	})
	errBadJSON   = fail(http.StatusBadRequest, "Invalid request payload JSON format", "")
	errMediaType = fail(http.StatusUnsupportedMediaType, "Unsupported Media Type", "")
	errTooMany   = fail(http.StatusForbidden, "You reached the limit of entities of this type for this tenant.", "too_many_entities")
	// That it is a 403 is documented; a code like this was reported.
	errNoOrganizations = fail(http.StatusForbidden, "This feature is not enabled for this tenant.", "feature_not_enabled")
	errServer          = fail(http.StatusInternalServerError, "An internal server error occurred", "")
	errSystemAPIs      = map[string]response{
		http.MethodPatch:  fail(http.StatusBadRequest, "System resource servers cannot be patched.", "invalid_body"),
		http.MethodDelete: fail(http.StatusBadRequest, "System resource servers cannot be deleted.", "invalid_uri"),
	}
)

// invalidBody answers 400 for a request body that breaks its schema.
func invalidBody(problems []problem) response {
	return fail(http.StatusBadRequest, describe("Payload", problems), "invalid_body")
}

// invalidQuery answers 400 for a query that breaks its schema.
func invalidQuery(problems []problem) response {
	return fail(http.StatusBadRequest, describe("Query", problems), "invalid_query_string")
}

// invalidPath answers 400 for a path parameter that breaks its format.
func invalidPath(problems []problem) response {
	return fail(http.StatusBadRequest, describe("Path", problems), "invalid_uri")
}

// invalidGrant answers 400 for a client grant whose fields do not go together. The one recorded refusal of this
// endpoint has this code; the words of the others are not known, only that they are refused.
func invalidGrant(message string) response {
	return fail(http.StatusBadRequest, message, "validation_error")
}

// standardHeader is what every recorded answer of the Management API carries.
func standardHeader(requestID string) http.Header {
	header := http.Header{}
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Cache-Control", "no-cache")
	header.Set("Vary", "origin,accept-encoding")
	header.Set("Strict-Transport-Security", "max-age=31536000")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Ot-Baggage-Auth0-Request-Id", requestID)
	return header
}

// write sends the answer.
func (r response) write(w http.ResponseWriter, standard http.Header) {
	maps.Copy(w.Header(), standard)
	maps.Copy(w.Header(), r.header)
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // the client is gone: nothing to do about it
}
