package lifecycle

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var mutants = flag.Bool("mutants", false, "put defects into the rules, one at a time, and see the model find each")

// mutation is a deliberate defect: a text of a file of this package, which is there once, and what stands in its place.
type mutation struct {
	name, file, old, new string
	// scenario is the one of the model that finds it.
	scenario string
}

var mutations = []mutation{
	{"takes whatever is found for its own", "own.go", `return r.ID != "" || held.MadeFrom`, `return true || held.MadeFrom`, "one object that refuses to adopt"},
	{"adopts under Refuse", "own.go", `return w.Object.Adopt && w.adoption`, `return w.adoption`, "one object that refuses to adopt"},
	{"trusts a 204", "revoke.go", "if !d.acted(r) {", "if !d.acted(r) || d.Memory.Deletions != nil {", "one object and strangers"},
	{"takes an old look for proof", "revoke.go", "held, s = d.see(r.Identity, d.proofFrom(r, since))", "_ = since", "one object and strangers"},
	{"looks before a request has had its time", "request.go", "return latest(since, w.lateUntil(r))", "return since", "one object that refuses to adopt"},
	{"forgets the requests of an earlier process", "request.go", "if w.unanswered(r) && r.Sent != w.Memory.Sent || slices.Contains(w.Memory.Earlier, r.Identity) {", "if slices.Contains(w.Memory.Earlier, grant.Identity{}) {", "one object that refuses to adopt"},
	{"asks for another grant while a request may still have its effect", "own.go", "!d.lateUntil(r).IsZero() {", "false {", "one object that refuses to adopt"},
	{"sets the finalizer before the record", "next.go", "if !d.Object.Held && (d.acted(d.record) || d.acted(d.replaces)) {", "if !d.Object.Held {", "one object and strangers"},
	{"sends a request before the finalizer", "own.go", "case !d.Object.Held:\n\t\treturn d.do(Hold{}, nil)", "", "one object and strangers"},
	{"takes the record back on any refusal", "learn.go", "answered := (m.Planned == hash || m.Settled == hash) && w.Late[do.Identity].IsZero() && !a.Unanswered", "answered := !a.Unanswered", "a request that is refused"},
	{"deletes by the spec", "end.go", "if s := d.revoke(r, d", "if s := d.revoke(&grant.Record{Identity: d.Wanted, ID: r.ID}, d", "an owner that is deleted"},
	{"ignores the subject type", "../grant/record.go", "r.Identity == identity", "r.ClientID == identity.ClientID && r.Audience == identity.Audience", "one object and strangers"},
	{"forgets what is replaced", "own.go", "d.replaces = d.record\n\t}\n\td.record", "d.replaces = nil\n\t}\n\td.record", "one object and strangers"},
	{"drops what is replaced without revoking it", "replace.go", "if s == nil && !done {", "if s == nil && d.Object.Deleting {", "one object and strangers"},
	{"lets go before the successor has the record", "handover.go", "case next.has(*held, r.Identity):", "case grant.Narrow(next.Fields, *held).Empty():", "two objects"},
	{"lets go before the successor has its finalizer", "rank.go", "return r.records(identity) && r.Held && grant", "return r.records(identity) && grant", "two objects"},
	{"revokes what it handed over", "handover.go", "\t\treturn true, nil\n\tcase r.ID", "\t\treturn false, nil\n\tcase r.ID", "two objects"},
	{"revokes what another one waits for", "handover.go", "return false, d.waitFor(handingOver(), patienceWithOthers)", "return false, nil", "two objects"},
	{"never yields", "handover.go", "return d.yield()", "return nil", "two objects and rules that freeze"},
	{"waits for a rival that cannot be resolved", "rank.go", "return r.Untried && r.asksFor(identity, nil)", "return r.Unresolved", "two objects and rules that freeze"},
	{"waits for a rival that cannot act", "rank.go", "return r.Known && r.Usable && ", "return r.Known && ", "two Auth0Tenants"},
	{"waits for another one that waits for it", "replace.go", "return d.orTake(s)", "return s", "a swap"},
	{"lets a record of nothing stand in the way", "rank.go", `return r.Of(identity) && (r.ID != "" || r.Sent != "")`, "return r.Of(identity)", "an owner and one that waits"},
	{"gives a grant away because of a refused edit", "rank.go", "return known && seen.Grant != nil &&", "return true || known && seen.Grant != nil &&", "two objects and rules that freeze"},
	{"does not ask the rules while suspended", "freeze.go", "if !d.writable() || d.elsewhere", "if d.Object.Mode != v1alpha1.ModeEnforce || !d.writable() || d.elsewhere", "an owner under rules that revoke"},
	{"does not ask the rules without a client", "freeze.go", "if !d.writable() || d.elsewhere", "if d.Unresolved != nil || !d.writable() || d.elsewhere", "an owner under rules that revoke"},
	{"asks the rules only about the record", "freeze.go", "[]*grant.Record{d.replaces, d.record} {\n\t\tviolates", "[]*grant.Record{d.record} {\n\t\tviolates", "a replacement that is refused"},
	{"carries on after the rules were narrowed", "entitle.go", "if s := d.notPermitted(d.Object.Fields); s != nil {", "if s := d.notPermitted(d.Object.Fields); s != nil && !t.Admits {", "an owner under rules that freeze"},
	{"adds to a grant that no rule allows", "converge.go", "refusal != nil {", "refusal != nil && d.Unresolved != nil {", "an owner under rules that freeze"},
	{"narrows against an old look", "converge.go", "held, s := d.see(d.Wanted, d.current())", "held, s := d.see(d.Wanted, time.Time{})", "an owner under rules that freeze"},
	{"does not narrow what is frozen", "converge.go", "change := grant.Narrow(d.Object.Fields, *held)", "change := grant.Fields{}", "an owner under rules that freeze"},
	{"holds a revocation back for another refusal", "refusal.go", "return r.Request == of && r.Identity == identity", "return r.Identity == identity", "changes that are refused"},
	{"deletes again without a pause", "revoke.go", "if last == nil {", "if true {", "an owner that is deleted"},
	{"does not put a finalizer back", "next.go", "if !d.Object.Held && (d.acted(d.record) || d.acted(d.replaces)) {", "if false {", "a finalizer that is taken off"},
	{"owns again what it let go", "own.go", `case d.record.ID != "" || d.record.Sent != "":`, "case false:", "records that stay"},
	{"is ready on old evidence", "converge.go", "held, s := d.see(d.Wanted, d.Memory.fresh())", "held, s := d.see(d.Wanted, time.Time{})", "one object and strangers"},
	{"keeps what it added to a grant that no rule allows", "converge.go", "before != nil && before.ID == held.ID", "before != nil && before.ID == before.Audience", "an owner under rules that freeze"},
	{"keeps a violation as an orphan or while observing", "end.go", "d.violation = violation; d.orphans()", "d.violation = nil; d.orphans()", "an owner that observes"},
}

var storyLength = regexp.MustCompile(`the shortest story has (\d+) steps`)

// TestMutants makes sure that each defect can still be put into the rules. With -mutants it builds the tests once for each,
// with the file that holds it laid over the package's own.
func TestMutants(t *testing.T) {
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			path, changed := m.change(t)
			if !*mutants {
				return
			}
			found, output := m.run(t, path, changed)
			if !found {
				t.Fatalf("the model finds nothing wrong:\n%s", output)
			}
			if steps := storyLength.FindStringSubmatch(output); steps != nil {
				t.Logf("found, with a story of %s steps", steps[1])
			} else {
				t.Fatalf("it fails without a story:\n%s", output)
			}
		})
	}
}

// change returns the file that the defect is put into, and its text with the defect.
func (m mutation) change(t *testing.T) (path, changed string) {
	t.Helper()
	path, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		t.Fatalf("%s has %q %d times", m.file, m.old, n)
	}
	return path, strings.Replace(string(text), m.old, m.new, 1)
}

// run says whether the model finds the defect, and what it prints.
func (m mutation) run(t *testing.T, path, text string) (found bool, output string) {
	t.Helper()
	dir := t.TempDir()
	changed := filepath.Join(dir, "changed.go")
	overlay := filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{changed: []byte(text), overlay: replace} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	test := exec.Command("go", "test", "-vet=off", "-count=1", "-overlay", overlay, "-run", "^TestModel$/^"+strings.ReplaceAll(m.scenario, " ", "_")+"$", ".",
		"-states=20000")
	var out bytes.Buffer
	test.Stdout, test.Stderr = &out, &out
	err = test.Run()
	return err != nil, out.String()
}
