package status_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/status"
)

// written is a list of conditions after some states of one generation each.
func written(states ...func(status.Conditions)) []metav1.Condition {
	var list []metav1.Condition
	for n, write := range states {
		write(status.Conditions{List: &list, Generation: int64(n + 1)})
	}
	return list
}

func putting(s *status.State) func(status.Conditions) { return func(c status.Conditions) { c.Set(s) } }

func TestConditions(t *testing.T) {
	good := &status.State{Reason: v1alpha1.ReasonAvailable, Ready: true}
	busy := &status.State{Reason: v1alpha1.ReasonAPIUnavailable, KeepsReady: true, Working: true}
	stuck := &status.State{Reason: v1alpha1.ReasonRejected, Stalled: true}
	idle := &status.State{Reason: v1alpha1.ReasonClientNotResolved}
	same := func(states ...*status.State) (list []metav1.Condition) { // All of one generation.
		for _, s := range states {
			status.Conditions{List: &list, Generation: 1}.Set(s)
		}
		return list
	}
	tests := map[string]struct {
		list []metav1.Condition
		want map[string]string
	}{
		"a good state is Ready and nothing else":                  {same(good), map[string]string{"Ready": "True Available 1"}},
		"a stalled one is Stalled":                                {same(stuck), map[string]string{"Ready": "False Rejected 1", "Stalled": "True Rejected 1"}},
		"one at work is Reconciling":                              {same(busy), map[string]string{"Ready": "False APIUnavailable 1", "Reconciling": "True APIUnavailable 1"}},
		"one that waits is neither":                               {same(idle), map[string]string{"Ready": "False ClientNotResolved 1"}},
		"a good state ends Stalled":                               {same(stuck, good), map[string]string{"Ready": "True Available 1"}},
		"a good state ends Reconciling":                           {same(busy, good), map[string]string{"Ready": "True Available 1"}},
		"Stalled gives way to Reconciling":                        {same(stuck, busy), map[string]string{"Ready": "False APIUnavailable 1", "Reconciling": "True APIUnavailable 1"}},
		"a tenant's trouble keeps what was verified":              {same(good, busy), map[string]string{"Ready": "True Available 1"}},
		"a grant's own trouble does not":                          {same(good, stuck), map[string]string{"Ready": "False Rejected 1", "Stalled": "True Rejected 1"}},
		"a tenant's trouble tells of a generation never verified": {written(putting(good), putting(busy)), map[string]string{"Ready": "False APIUnavailable 2", "Reconciling": "True APIUnavailable 2"}},
		"work on a new generation begins":                         {written(putting(good), status.Conditions.Begin), map[string]string{"Ready": "False Progressing 2", "Reconciling": "True Progressing 2"}},
		"work on a standstill begins":                             {written(putting(stuck), status.Conditions.Begin), map[string]string{"Ready": "False Progressing 2", "Reconciling": "True Progressing 2"}},
		"the first work begins":                                   {written(status.Conditions.Begin), map[string]string{"Ready": "False Progressing 1", "Reconciling": "True Progressing 1"}},
		"work on what was verified changes nothing":               {begun(same(good)), map[string]string{"Ready": "True Available 1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			for _, c := range test.list {
				got[c.Type] = fmt.Sprintf("%s %s %d", c.Status, c.Reason, c.ObservedGeneration)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func begun(list []metav1.Condition) []metav1.Condition {
	status.Conditions{List: &list, Generation: 1}.Begin()
	return list
}

func TestConditions_StayAsTheyAreWhereNothingChanged(t *testing.T) {
	past := metav1.NewTime(time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC))
	for _, s := range []*status.State{
		{Reason: v1alpha1.ReasonAvailable, Ready: true},
		status.Stalled(v1alpha1.ReasonRejected, "x"),
		status.Working(v1alpha1.ReasonAPIUnavailable, "x"), status.Waiting(v1alpha1.ReasonClientNotResolved, "x"),
		{Reason: v1alpha1.ReasonTenantNotReady, KeepsReady: true},
	} {
		var list []metav1.Condition
		c := status.Conditions{List: &list, Generation: 3}
		c.Set(s)
		for i := range list {
			list[i].LastTransitionTime = past
		}
		before := append([]metav1.Condition{}, list...)
		c.Set(s)
		if !reflect.DeepEqual(list, before) {
			t.Errorf("%s: %+v became %+v", s.Reason, before, list)
		}
		c.Set(&status.State{Reason: s.Reason, Message: "other words", Ready: s.Ready, Working: s.Working, Stalled: s.Stalled})
		if got := meta.FindStatusCondition(list, v1alpha1.ConditionReady); got.Message != "other words" || !got.LastTransitionTime.Equal(&past) {
			t.Errorf("%s: other words made a transition of it: %+v", s.Reason, got)
		}
	}
}

func TestConditions_MessagesAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Repeat(rapid.StringN(1, 40, -1).Draw(t, "text"), rapid.IntRange(1, 200).Draw(t, "times"))
		var list []metav1.Condition
		status.Conditions{List: &list, Generation: 1}.Set(&status.State{Reason: "x", Message: text, Stalled: true})
		for _, c := range list {
			switch {
			case len(text) <= status.MaxMessage && c.Message != text:
				t.Fatalf("a short message was changed")
			case len(text) > status.MaxMessage && (len(c.Message) > status.MaxMessage || len(c.Message) < status.MaxMessage-len("...")-utf8.UTFMax || !strings.HasSuffix(c.Message, "...")):
				t.Fatalf("%d bytes were cut to %d", len(text), len(c.Message))
			case !utf8.ValidString(c.Message):
				t.Fatalf("a character was cut in two")
			}
		}
	})
}
