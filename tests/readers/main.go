// Reads YAML documents from standard input, separated by NUL bytes, as kubectl does, and prints one line of JSON for each:
// {"value": ...} or {"error": "..."}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"

	"sigs.k8s.io/yaml"
)

type answer struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

func read(document []byte) (result answer) {
	defer func() {
		if failure := recover(); failure != nil {
			result = answer{Error: "panic"}
		}
	}()
	value, err := yaml.YAMLToJSON(document)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Value: value}
}

func main() {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, document := range bytes.Split(input, []byte{0}) {
		if err := encoder.Encode(read(document)); err != nil {
			panic(err)
		}
	}
}
