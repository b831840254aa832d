package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	goodCreate = `{"method":"POST","path":"/api/v2/client-grants","requestContentType":"application/json",` +
		`"requestBody":{"audience":"a","scope":[]},"status":201,"responseContentType":"application/json; charset=utf-8",` +
		`"responseBody":{"id":"cgr_1","audience":"a"}`
	goodList = `{"method":"GET","path":"/api/v2/client-grants","status":200,"responseContentType":"application/json",` +
		`"responseBody":"[]"`
)

func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		exchange string
		// want are parts of the findings, in order; none means that the exchange is as described.
		want []string
	}{
		"a create as described": {
			exchange: goodCreate + `}`,
		},
		"bodies may be recorded as text": {
			exchange: `{"method":"POST","path":"/api/v2/client-grants","requestContentType":"application/json",` +
				`"requestBody":"{\"audience\":\"a\"}","status":201,"responseContentType":"application/json",` +
				`"responseBody":"{\"id\":\"cgr_1\"}"}`,
		},
		"an answer with a field that the description lacks": {
			exchange: strings.Replace(goodCreate, `"id":"cgr_1"`, `"id":"cgr_1","grant_id":"x"`, 1) + `}`,
			want:     []string{"response body: at '': additional properties 'grant_id' not allowed"},
		},
		"an answer with a field of the wrong type": {
			exchange: strings.Replace(goodCreate, `"id":"cgr_1"`, `"id":1`, 1) + `}`,
			want:     []string{"response body: at '/id': got number, want string"},
		},
		"an answer that does not match a pattern of ECMAScript": {
			exchange: strings.Replace(goodCreate, `"id":"cgr_1"`, `"id":"usr_1"`, 1) + `}`,
			want:     []string{"response body: at '/id': 'usr_1' does not match pattern"},
		},
		"two faults are two findings": {
			exchange: strings.Replace(goodCreate, `"id":"cgr_1"`, `"id":1,"grant_id":"x"`, 1) + `}`,
			want:     []string{"at '': additional properties 'grant_id'", "at '/id': got number"},
		},
		"an answer that is not JSON": {
			exchange: strings.Replace(goodList, `"[]"`, `"<html>"`, 1) + `}`,
			want:     []string{"response body: not JSON"},
		},
		"an answer of an unknown content type": {
			exchange: strings.Replace(goodList, "application/json", "text/html", 1) + `}`,
			want:     []string{`the description knows no content type "text/html" here`},
		},
		"an answer whose status is not in the description": {
			exchange: `{"method":"DELETE","path":"/api/v2/client-grants/cgr_1","status":404}`,
			want:     []string{"status: the description has no answer 404"},
		},
		"the body of an error is not compared, since errors have no schema": {
			exchange: strings.NewReplacer(`"status":201`, `"status":400`, `"id":"cgr_1"`, `"message":"no"`).Replace(goodCreate) + `}`,
		},
		"an answer without a body as described": {
			exchange: `{"method":"DELETE","path":"/api/v2/client-grants/cgr_1","status":204}`,
		},
		"a body where the description has none": {
			exchange: `{"method":"DELETE","path":"/api/v2/client-grants/cgr_1","status":204,"responseBody":"{}"}`,
			want:     []string{"response body: the description has no body here"},
		},
		"a wrong request that was accepted": {
			exchange: strings.Replace(goodCreate, `"scope":[]`, `"scopes":[]`, 1) + `}`,
			want:     []string{"request body: at '': additional properties 'scopes' not allowed"},
		},
		"a wrong request that was refused, sent by a test on purpose": {
			exchange: strings.NewReplacer(`"scope":[]`, `"scopes":[]`, `"status":201`, `"status":400`).Replace(goodCreate) + `}`,
		},
		"a wrong request that was refused, sent by the product": {
			exchange: strings.NewReplacer(`"scope":[]`, `"scopes":[]`, `"status":201`, `"status":400`).Replace(goodCreate) +
				`,"correlationID":"c-1"}`,
			want: []string{"request body: at '': additional properties 'scopes' not allowed"},
		},
		"a request that a fault kept from being answered is still checked": {
			exchange: strings.NewReplacer(`"scope":[]`, `"scopes":[]`, `"status":201`, `"status":502`).Replace(goodCreate) +
				`,"correlationID":"c-1","fault":"502 after the effect"}`,
			want: []string{"request body: at '': additional properties 'scopes' not allowed"},
		},
		"the answer of a fault is not checked": {
			exchange: `{"method":"GET","path":"/api/v2/client-grants","status":503,"responseBody":"down","fault":true}`,
		},
		"no fault, in every spelling": {
			exchange: `{"method":"DELETE","path":"/api/v2/client-grants/cgr_1","status":404,"fault":false}`,
			want:     []string{"status: the description has no answer 404"},
		},
		"a body that the description does not know": {
			exchange: strings.Replace(goodList, `"status"`, `"requestBody":"{}","status"`, 1) + `}`,
			want:     []string{"request body: the description knows no body here"},
		},
		"query parameters as described": {
			exchange: strings.Replace(goodList, `"status"`, `"query":"take=50&any=true&ids=ab&ids=cd","status"`, 1) + `}`,
		},
		"query parameters out of bounds or of the wrong type": {
			exchange: strings.Replace(goodList, `"status"`, `"query":"take=101&any=false&ids=a","status"`, 1) + `}`,
			want: []string{
				"query parameter any: at '': value must be true", "query parameter ids: at '/0': minLength",
				"query parameter take: at '': maximum",
			},
		},
		"a number that is none, and a parameter sent twice": {
			exchange: strings.Replace(goodList, `"status"`, `"query":"take=many&any=true&any=true","status"`, 1) + `}`,
			want:     []string{"query parameter any: sent 2 times", "query parameter take: at '': got string, want integer"},
		},
		"a query parameter that the description does not know": {
			exchange: strings.Replace(goodList, `"status"`, `"query":"page_size=5","status"`, 1) + `}`,
			want:     []string{"query: the description has no parameter page_size"},
		},
		"a path parameter out of bounds": {
			exchange: `{"method":"DELETE","path":"/api/v2/client-grants/cgr_12345678901234567890","status":204}`,
			want:     []string{"path parameter id: at '': maxLength"},
		},
		"slashes in a path parameter are escaped": {
			exchange: `{"method":"DELETE","path":"/api/v2/client-grants/https:%2F%2Fapi%2F","status":204}`,
		},
		"a route that the description does not know, answered": {
			exchange: `{"method":"GET","path":"/api/v2/invented","status":200}`,
			want:     []string{"route: the description has no GET /invented"},
		},
		"a method that the description does not know, sent by the product": {
			exchange: `{"method":"PUT","path":"/api/v2/client-grants/cgr_1","status":404,"correlationID":"c-1"}`,
			want:     []string{"route: the description has no PUT /client-grants/cgr_1"},
		},
		"a route that the description does not know, refused to a test": {
			exchange: `{"method":"GET","path":"/api/v2/invented","status":404}`,
		},
		"an answer that fits two branches of a choice": {
			exchange: strings.Replace(goodList, `"[]"`, `{"client_grants":[]}`, 1) + `}`,
			want:     []string{"response body: at '': 'oneOf' failed, subschemas 1, 2 matched"},
		},
		"an answer that fits no branch of a choice": {
			exchange: strings.Replace(goodList, `"[]"`, `{"grants":[]}`, 1) + `}`,
			want:     []string{"response body: at '': 'oneOf' failed, none matched"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := findings(checkAll(t, nil, test.exchange))
			if len(got) != len(test.want) {
				t.Fatalf("got %d findings, want %d: %q", len(got), len(test.want), got)
			}
			for i, want := range test.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("finding %d is %q, want it to hold %q", i, got[i], want)
				}
			}
		})
	}
}

func TestReport_ExceptionExcusesItsOwnFindingOnly(t *testing.T) {
	named := exception{
		method: "POST", route: "/client-grants", status: 201, part: "response body", holds: "'grant_id' not allowed",
		reason: "recorded",
	}
	report := checkAll(t, []exception{named},
		strings.Replace(goodCreate, `"id":"cgr_1"`, `"id":1,"grant_id":"x"`, 1)+`}`,
		strings.Replace(goodCreate, `"id":"cgr_1"`, `"grant_id":"x"`, 1)+`}`)
	if got := findings(report); len(got) != 1 || !strings.Contains(got[0], "got number") {
		t.Errorf("got %q, want the wrong type alone", got)
	}
	if text := printed(report); !strings.Contains(text, "Exception used 2 times: POST /client-grants 201: recorded") {
		t.Errorf("the report does not count the exception:\n%s", text)
	}
}

func TestReport_ExceptionNamesARouteOutsideTheDescription(t *testing.T) {
	named := exception{
		method: "DELETE", route: "/organizations/{id}", status: 204, part: "route", holds: "no DELETE", reason: "recorded",
	}
	report := checkAll(t, []exception{named},
		`{"method":"DELETE","path":"/api/v2/organizations/org_1","status":204}`,
		`{"method":"DELETE","path":"/api/v2/organizations/org_1/members","status":204}`)
	if got := findings(report); len(got) != 1 || !strings.Contains(got[0], "/organizations/org_1/members") {
		t.Errorf("got %q, want the other route alone", got)
	}
}

func TestReport_CountsByRouteAndSkipsTheTokenEndpoint(t *testing.T) {
	report := checkAll(t, nil, goodList+`}`, goodList+`}`, goodCreate+`}`,
		`{"method":"POST","path":"/oauth/token","status":200,"requestBody":"grant_type=client_credentials"}`)
	text := printed(report)
	for _, line := range []string{"2  GET /client-grants\n", "1  POST /client-grants\n", "1  POST /oauth/token\n", "ok: "} {
		if !strings.Contains(text, line) {
			t.Errorf("the report lacks %q:\n%s", line, text)
		}
	}
	if !report.ok() {
		t.Error("a report without findings is not ok")
	}
}

func TestReport_NothingToCheckIsAFailure(t *testing.T) {
	report := checkAll(t, nil, `{"method":"POST","path":"/oauth/token","status":200}`)
	if report.ok() || !strings.Contains(printed(report), "FAIL: no exchanges to check") {
		t.Errorf("a report on nothing passes:\n%s", printed(report))
	}
}

func TestRun_FailsOnALineThatIsCutShort(t *testing.T) {
	_, err := run(filepath.Join("testdata", "openapi.json"), record(t, goodList+`}`, `{"method":`), nil)
	if err == nil || !strings.Contains(err.Error(), "a.jsonl:2") {
		t.Errorf("got error %v, want one that names the line", err)
	}
}

func TestRun_RefusesAFileThatIsNoDescription(t *testing.T) {
	file := filepath.Join(t.TempDir(), "swagger.json")
	if err := os.WriteFile(file, []byte(`{"swagger":"2.0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(file, t.TempDir(), nil); err == nil {
		t.Error("a Swagger 2 file was taken for a description")
	}
}

// checkAll records the exchanges and checks them against the small description.
func checkAll(t *testing.T, exceptions []exception, exchanges ...string) *report {
	t.Helper()
	report, err := run(filepath.Join("testdata", "openapi.json"), record(t, exchanges...), exceptions)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func record(t *testing.T, exchanges ...string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a.jsonl"), []byte(strings.Join(exchanges, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func findings(report *report) []string {
	var texts []string
	for found := range maps.Keys(report.findings) {
		texts = append(texts, found.part+": "+found.text)
	}
	slices.Sort(texts)
	return texts
}

func printed(report *report) string {
	text := &strings.Builder{}
	report.print(text)
	return text.String()
}
