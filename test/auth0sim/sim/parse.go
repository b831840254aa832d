package sim

import (
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// grantIDFormat is the format of grant IDs; all that were recorded match.
var grantIDFormat = regexp.MustCompile(`^cgr_[A-Za-z0-9]{16}$`)

// parse checks the request against the description of its route: path, query and body, in this order.
func (s *Server) parse(q *request) *response {
	if q.tooLong {
		return &errTooLarge
	}
	if q.route.body != nil {
		if refusal := q.parseBody(); refusal != nil {
			return refusal
		}
	}
	if refusal := s.checkGrantID(q); refusal != nil {
		return refusal
	}
	if schema := s.variant(q.route.query); schema != nil {
		q.query = parseForm(q.http.URL.RawQuery, schema)
		if problems := schema.check("", q.query); len(problems) > 0 {
			refusal := invalidQuery(problems)
			return &refusal
		}
	}
	if schema := s.variant(q.route.body); schema != nil {
		if problems := schema.check("", q.body); len(problems) > 0 {
			refusal := invalidBody(problems)
			return &refusal
		}
	}
	return nil
}

// variant is the schema for a tenant with these settings.
func (s *Server) variant(base *schema) *schema {
	if variant := withAnonymousUser[base]; variant != nil && s.settings.AnonymousUser {
		return variant
	}
	return base
}

// checkGrantID refuses a malformed grant ID in the path of an update or a delete. A grant that a test has seeded under
// an unusual ID can be changed all the same.
func (s *Server) checkGrantID(q *request) *response {
	if q.route.grantID == "" || s.settings.Unknowns.LooseIDs {
		return nil
	}
	id := q.params[0]
	if grantIDFormat.MatchString(id) || s.grants.byID(id) != nil {
		return nil
	}
	refusal := malformedGrantID(id, q.route.grantID)
	return &refusal
}

func malformedGrantID(id, description string) response {
	return invalidPath([]problem{{
		message: "Object didn't pass validation for format client-grant-id: " + id,
		path:    "id", description: description,
	}})
}

// parseBody reads a JSON or a form body; the description allows both. Without a content type it is JSON.
func (q *request) parseBody() *response {
	media := "application/json"
	if header := q.http.Header.Get("Content-Type"); header != "" {
		parsed, _, err := mime.ParseMediaType(header)
		if err != nil {
			return &errMediaType
		}
		media = parsed
	}
	switch {
	case media == "application/x-www-form-urlencoded":
		q.body = parseForm(string(q.raw), q.route.body)
	case media != "application/json":
		return &errMediaType
	case len(strings.TrimSpace(string(q.raw))) == 0:
		q.body = value{kind: kindNull}
	default:
		body, err := parseJSON(q.raw)
		if err != nil {
			return &errBadJSON
		}
		q.body = body
	}
	return nil
}

// parseForm turns name=value pairs, of a query or a form, into an object in the order of the pairs. Texts become what
// the schema asks for, where they can. A name that is repeated, or that ends in [], is an array.
func parseForm(raw string, schema *schema) value {
	object := value{kind: kindObject}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, text, _ := strings.Cut(pair, "=")
		name, text = unescape(name), unescape(text)
		name, listed := strings.CutSuffix(name, "[]")
		want := schema.property(name)
		item := convert(text, want)
		previous, repeated := object.get(name)
		switch {
		case repeated && previous.kind == kindArray:
			item = value{kind: kindArray, items: append(previous.items, item)}
		case repeated:
			item = value{kind: kindArray, items: []value{previous, item}}
		case listed || want.wants(kindArray):
			item = value{kind: kindArray, items: []value{item}}
		}
		object.set(name, item)
	}
	return object
}

func unescape(text string) string {
	if unescaped, err := url.QueryUnescape(text); err == nil {
		return unescaped
	}
	return text
}

func (s *schema) wants(k kind) bool {
	return s != nil && slices.Contains(s.types, k)
}

// convert reads text as the type that the schema asks for; what cannot be read stays a string, and is refused as one.
func convert(text string, want *schema) value {
	switch {
	case want.wants(kindInteger):
		if n, err := strconv.Atoi(text); err == nil {
			return numberValue(n)
		}
	case want.wants(kindBoolean):
		if text == "true" || text == "false" {
			return booleanValue(text == "true")
		}
	}
	return stringValue(text)
}

// number returns the integer parameter with that name, or fallback.
func (v value) number(name string, fallback int) int {
	m, ok := v.get(name)
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(m.text)
	if err != nil {
		return fallback
	}
	return n
}

// has says whether the object has a member with that name, whatever its value.
func (v value) has(name string) bool {
	_, ok := v.get(name)
	return ok
}
