package sim

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"time"
)

// fromLifetime is how long the next of a page can be used.
const fromLifetime = 24 * time.Hour

// fromKey signs checkpoints, so that one that was made up is recognised.
var fromKey = []byte(randomText(32))

// listing is a list to be answered page by page. Items are in the order of their keys if checkpoints are used.
type listing struct {
	name        string // of the member that holds the items
	totalsFirst bool   // total, start and limit come before the items
	totalsLimit int    // the page size with totals and without per_page; default 50
	ceiling     bool   // no offset page reaches beyond 1,000 items
	paging      Paging
	count       int
	key         func(i int) string
	item        func(i int) any
}

// checkpoint is where a page begins. The text form is opaque for clients.
type checkpoint struct {
	After string `json:"after"` // the key of the last item before it
	Empty bool   `json:"empty"` // an empty page comes first
	Made  int64  `json:"made"`
}

// page answers one page. take or from asks for checkpoint pages and wins over page and per_page (recorded); then
// include_totals decides between the other two shapes.
func (s *Server) page(q *request, l listing) response {
	if q.query.has("take") || q.query.has("from") {
		return s.checkpointPage(q, l)
	}
	totals := q.query.truthOf("include_totals")
	limit := 50
	if totals && l.totalsLimit > 0 {
		limit = l.totalsLimit
	}
	limit = q.query.number("per_page", limit)
	start := q.query.number("page", 0) * limit
	if l.ceiling && start+limit > 1000 && !s.settings.Unknowns.NoOffsetCeiling {
		return fail(http.StatusBadRequest, fmt.Sprintf("Requesting page %d exceeds the allowed maximum of 1000 records. "+
			"To fetch results beyond 1000, use the checkpoint pagination method.", start/limit), "invalid_paging")
	}
	items := l.slice(min(start, l.count), min(start+limit, l.count))
	if !totals {
		return reply(http.StatusOK, items)
	}
	if l.totalsFirst {
		return reply(http.StatusOK, objectValue("total", l.count, "start", start, "limit", limit, l.name, items))
	}
	return reply(http.StatusOK, objectValue(l.name, items, "start", start, "limit", limit, "total", l.count))
}

func (l listing) slice(start, end int) value {
	array := value{kind: kindArray, items: []value{}}
	for i := start; i < end; i++ {
		item, err := parseJSON(encode(l.item(i)))
		if err != nil {
			panic("sim: " + err.Error()) // it was encoded a moment ago
		}
		array.items = append(array.items, item)
	}
	return array
}

// checkpointPage answers a page and, unless it is the last, the next to ask for.
func (s *Server) checkpointPage(q *request, l listing) response {
	l = l.byKey()
	from, ok := decodeCheckpoint(q.query.textOf("from"))
	if !ok && q.query.has("from") || from.expired(q.now) {
		if !s.settings.Unknowns.InvalidFromRestarts {
			return fail(http.StatusBadRequest, "Invalid value for from.", "invalid_query_string")
		}
		from = checkpoint{}
	}
	start := sort.Search(l.count, func(i int) bool { return cmp.Less(from.After, l.key(i)) })
	end := min(start+q.query.number("take", 50), l.count)
	if l.paging.Cap > 0 {
		end = min(end, start+l.paging.Cap)
	}
	if from.Empty {
		end = start
	}
	object := objectValue(l.name, l.slice(start, end))
	if next, more := l.next(start, end, from); more {
		next.Made = q.now.Unix()
		object.set("next", stringValue(next.encode()))
	}
	return reply(http.StatusOK, object)
}

// byKey is the listing in the order of its keys, which a checkpoint needs.
func (l listing) byKey() listing {
	order := make([]int, l.count)
	for i := range order {
		order[i] = i
	}
	key, item := l.key, l.item
	byKey := func(a, b int) int { return cmp.Compare(key(a), key(b)) }
	if slices.IsSortedFunc(order, byKey) {
		return l
	}
	slices.SortFunc(order, byKey)
	l.key = func(i int) string { return key(order[i]) }
	l.item = func(i int) any { return item(order[i]) }
	return l
}

// next is the checkpoint after the page from start to end.
func (l listing) next(start, end int, from checkpoint) (checkpoint, bool) {
	if end == start { // an empty page, or an empty list
		return checkpoint{After: from.After}, end < l.count
	}
	last := l.key(end - 1)
	if end < l.count {
		return checkpoint{After: last, Empty: l.paging.EmptyPages}, true
	}
	return checkpoint{After: last}, l.paging.TrailingPage
}

func (c checkpoint) expired(now time.Time) bool {
	return c.Made > 0 && now.Sub(time.Unix(c.Made, 0)) > fromLifetime
}

func (c checkpoint) encode() string {
	text := encode(c)
	return base64.RawURLEncoding.EncodeToString(append(sign(text), text...))
}

func decodeCheckpoint(text string) (checkpoint, bool) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(data) < sha256.Size || !hmac.Equal(data[:sha256.Size], sign(data[sha256.Size:])) {
		return checkpoint{}, false
	}
	var c checkpoint
	err = json.Unmarshal(data[sha256.Size:], &c)
	return c, err == nil
}

func sign(text []byte) []byte {
	mac := hmac.New(sha256.New, fromKey)
	mac.Write(text)
	return mac.Sum(nil)
}
