package controller

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestIsContested(t *testing.T) {
	tests := map[string]struct {
		// apart are the times between the corrections.
		apart []time.Duration
		// later is when it is asked, after the last of them.
		later time.Duration
		want  bool
	}{
		"never corrected":              {nil, 0, false},
		"twice at once":                {[]time.Duration{0}, 0, false},
		"three times at once":          {[]time.Duration{0, 0}, 0, true},
		"three times in ten minutes":   {[]time.Duration{5 * time.Minute, 5 * time.Minute}, 0, true},
		"three times in more":          {[]time.Duration{5 * time.Minute, 5*time.Minute + 1}, 0, false},
		"again after a rest":           {[]time.Duration{0, 0, 11 * time.Minute}, 0, false},
		"again and again after a rest": {[]time.Duration{0, 0, 11 * time.Minute, 0, 0}, 0, true},
		"for as long as it may go on":  {[]time.Duration{0, 0}, 10*time.Minute - 1, true},
		"not when it has stopped":      {[]time.Duration{0, 0}, 10 * time.Minute, false},
		"every ten minutes":            {[]time.Duration{0, 0, 10 * time.Minute, 10 * time.Minute}, 0, false},
		"every thirty seconds":         {[]time.Duration{0, 0, 30 * time.Second, 30 * time.Second}, time.Minute, true},
		"long ago":                     {[]time.Duration{0, 0, 0, 0, 0}, 24 * time.Hour, false},
		"slowly":                       {[]time.Duration{time.Hour, time.Hour, time.Hour}, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{}
				if name != "never corrected" {
					m.corrected(0)
				}
				for i, apart := range test.apart {
					time.Sleep(apart)
					m.corrected(i)
				}
				last := time.Now()
				time.Sleep(test.later)
				until, contested := m.isContested()
				if contested != test.want || contested && !until.Equal(last.Add(10*time.Minute)) {
					t.Errorf("contested %t until %s, want %t until %s", contested, until, test.want, last.Add(10*time.Minute))
				}
				if len(m.corrections) > contestedAfter {
					t.Errorf("%d corrections are kept", len(m.corrections))
				}
			})
		})
	}
}
