package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"log"
	"os"
	"slices"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

// A question is one JSON object a line: schedules and instants, and the zone's TZif data as the asker has it.
type question struct {
	Zone        string
	Data        string
	Expressions []string
	Times       []string
	Steps       int
}

// Its answer has the next times for each expression and instant, and how many of those since 2000 are others with Go's
// own data of the zone, asked for as Kubernetes' CronJob controller does: by a prefix of the schedule.
type zoneAnswer struct {
	Next      [][]string `json:"next"`
	Elsewhere int        `json:"elsewhere"`
}

func zones() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var asked question
		check(json.Unmarshal(lines.Bytes(), &asked))
		check(encoder.Encode(answerZone(asked)))
	}
	check(lines.Err())
}

func answerZone(asked question) zoneAnswer {
	data, err := hex.DecodeString(asked.Data)
	check(err)
	location, err := time.LoadLocationFromTZData(asked.Zone, data)
	check(err)
	var found zoneAnswer
	for _, expression := range asked.Expressions {
		schedule, err := cron.ParseStandard(expression)
		check(err)
		if fields, ok := schedule.(*cron.SpecSchedule); ok {
			fields.Location = location
		}
		own, err := cron.ParseStandard("TZ=" + asked.Zone + " " + expression)
		for _, text := range asked.Times {
			instant, parseErr := time.Parse(time.RFC3339Nano, text)
			check(parseErr)
			next := following(schedule, instant, asked.Steps)
			found.Next = append(found.Next, next)
			if instant.Year() < 2000 {
				continue
			}
			if err != nil || !slices.Equal(next, following(own, instant, asked.Steps)) {
				found.Elsewhere++
			}
		}
	}
	return found
}

func following(schedule cron.Schedule, instant time.Time, steps int) []string {
	found := []string{}
	for range steps {
		instant = schedule.Next(instant)
		if instant.IsZero() {
			break
		}
		found = append(found, instant.UTC().Format(time.RFC3339))
	}
	return found
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
