// Command cron reads schedules, one JSON string a line, and answers each with what robfig/cron, the parser of
// Kubernetes, makes of it: null where it is refused, and otherwise its fields and the next times after some instants.
// Given "zones", it answers questions about next times in time zones instead; see zones.go.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

type answer struct {
	Fields []uint64 `json:"fields,omitempty"`
	Every  int64    `json:"every,omitempty"`
	Next   []string `json:"next"`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "zones" {
		zones()
		return
	}
	var after []time.Time
	for _, text := range os.Args[1:] {
		instant, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			log.Fatal(err)
		}
		after = append(after, instant)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var text string
		if err := json.Unmarshal(lines.Bytes(), &text); err != nil {
			log.Fatal(err)
		}
		if err := encoder.Encode(parse(text, after)); err != nil {
			log.Fatal(err)
		}
	}
}

func parse(text string, after []time.Time) *answer {
	// The API server refuses a time zone inside of a schedule; the parser itself takes one.
	if strings.Contains(text, "TZ") {
		return nil
	}
	schedule, err := cron.ParseStandard(text)
	if err != nil {
		return nil
	}
	found := &answer{}
	switch schedule := schedule.(type) {
	case *cron.SpecSchedule:
		found.Fields = []uint64{schedule.Minute, schedule.Hour, schedule.Dom, schedule.Month, schedule.Dow}
	case cron.ConstantDelaySchedule:
		found.Every = int64(schedule.Delay / time.Second)
	}
	for _, instant := range after {
		next := schedule.Next(instant)
		if next.IsZero() {
			found.Next = append(found.Next, "")
		} else {
			found.Next = append(found.Next, next.UTC().Format("2006-01-02T15:04:05"))
		}
	}
	return found
}
