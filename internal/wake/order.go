package wake

import (
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// everyOldest: one of so many objects that are taken is the one that waits longest, so that none waits for ever.
const everyOldest = 10

// classes are the priorities of the queue, the most urgent first.
var classes = [...]int{priorityTurn, priorityDeletion, PriorityNow, PriorityLater}

// order says which object is next: by priority, and within one the namespaces take turns. However many objects one namespace
// has in the queue, those of another wait for one of them at a time.
type order struct {
	mu sync.Mutex
	// urgency is the highest class that was asked for since an object was taken last.
	urgency map[reconcile.Request]int
	waiting map[reconcile.Request]*place
	turns   [len(classes)]turns
	// all holds the places by age; those that are taken are passed over.
	all   []*place
	taken int
}

// place is where an object waits.
type place struct {
	item  reconcile.Request
	class int
	taken bool
}

// turns are the objects of one class: each namespace has a line, and the namespaces are in a line, too. What has moved to
// another class is passed over.
type turns struct {
	namespaces []string
	lines      map[string][]*place
}

func newOrder() *order {
	o := &order{urgency: map[reconcile.Request]int{}, waiting: map[reconcile.Request]*place{}}
	for class := range o.turns {
		o.turns[class].lines = map[string][]*place{}
	}
	return o
}

// urge says how urgent an object is that is about to be added.
func (o *order) urge(item reconcile.Request, priority int) {
	class := len(classes) - 1
	for class > 0 && priority >= classes[class-1] {
		class--
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if before, ok := o.urgency[item]; !ok || class < before {
		o.urgency[item] = class
	}
}

// classOf is the class in which an object is to wait. What nobody spoke of, such as the end of a time, was waited for.
func (o *order) classOf(item reconcile.Request) int {
	if class, ok := o.urgency[item]; ok {
		return class
	}
	return len(classes) - 2
}

// Push adds an object.
func (o *order) Push(item reconcile.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := &place{item: item, class: o.classOf(item)}
	o.waiting[item] = p
	o.all = append(o.all, p)
	o.turns[p.class].add(p)
}

// Touch moves an object that became more urgent.
func (o *order) Touch(item reconcile.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.waiting[item]; p != nil && o.classOf(item) < p.class {
		p.class = o.classOf(item)
		o.turns[p.class].add(p)
	}
}

// Len is how many objects wait.
func (o *order) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting)
}

// Pop takes the object that is next; there must be one.
func (o *order) Pop() reconcile.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.next()
	p.taken = true
	o.taken++
	delete(o.waiting, p.item)
	delete(o.urgency, p.item)
	for len(o.all) > 0 && o.all[0].taken {
		o.all[0] = nil
		o.all = o.all[1:]
	}
	return p.item
}

func (o *order) next() *place {
	if o.taken%everyOldest == everyOldest-1 {
		return o.all[0]
	}
	for class := range o.turns {
		if p := o.turns[class].next(class); p != nil {
			return p
		}
	}
	return o.all[0]
}

func (t *turns) add(p *place) {
	namespace := p.item.Namespace
	if len(t.lines[namespace]) == 0 {
		t.namespaces = append(t.namespaces, namespace)
	}
	t.lines[namespace] = append(t.lines[namespace], p)
}

// next takes the first object of the namespace whose turn it is; nil where none waits.
func (t *turns) next(class int) *place {
	for len(t.namespaces) > 0 {
		namespace := t.namespaces[0]
		t.namespaces = t.namespaces[1:]
		line := t.lines[namespace]
		for len(line) > 0 && (line[0].taken || line[0].class != class) {
			line = line[1:]
		}
		if len(line) == 0 {
			delete(t.lines, namespace)
			continue
		}
		if t.lines[namespace] = line[1:]; len(line) > 1 {
			t.namespaces = append(t.namespaces, namespace)
		} else {
			delete(t.lines, namespace)
		}
		return line[0]
	}
	return nil
}
