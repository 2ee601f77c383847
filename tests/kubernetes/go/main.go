// Command kubernetes answers questions with Kubernetes' own code, so that tests can compare ours with it: one JSON object
// a line in, one a line out, in order.
//
//	{"ask": "merge", "base": …, "patch": …}   the base with the patch merged strategically, as a pod template
//	{"ask": "restricted", "object": …}         whether Pod Security "restricted" lets a pod template through
//	{"ask": "decode", "object": …}             whether a strict decoder takes an object
//	{"ask": "custom", "crd": …, "object": …}   the object as an API server with that CustomResourceDefinition stores it
//	{"ask": "template", "template": …, "values": …}  what External Secrets makes of a template
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	kjson "sigs.k8s.io/json"
)

type question struct {
	Ask    string          `json:"ask"`
	Base   json.RawMessage `json:"base"`
	Patch  json.RawMessage `json:"patch"`
	Object json.RawMessage `json:"object"`

	Crd      string            `json:"crd"`
	Template string            `json:"template"`
	Values   map[string]string `json:"values"`
}

type answer struct {
	Result  json.RawMessage `json:"result,omitempty"`
	Refused string          `json:"refused,omitempty"`
}

func main() {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		panic(err)
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var asked question
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			panic(err)
		}
		line, err := json.Marshal(reply(evaluator, asked))
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(out, string(line))
	}
	if err := in.Err(); err != nil {
		panic(err)
	}
}

func reply(evaluator policy.Evaluator, asked question) answer {
	switch asked.Ask {
	case "merge":
		result, err := strategicpatch.StrategicMergePatch(asked.Base, asked.Patch, corev1.PodTemplateSpec{})
		if err != nil {
			return answer{Refused: err.Error()}
		}
		return answer{Result: result}
	case "restricted":
		var template corev1.PodTemplateSpec
		if err := decode(asked.Object, &template); err != nil {
			panic(err)
		}
		level := api.LevelVersion{Level: api.LevelRestricted, Version: api.MajorMinorVersion(1, 36)}
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &template.ObjectMeta, &template.Spec))
		if !result.Allowed {
			return answer{Refused: result.ForbiddenDetail()}
		}
		return answer{}
	case "custom":
		return custom(asked.Crd, asked.Object)
	case "template":
		return filled(asked.Template, asked.Values)
	case "decode":
		var kind metav1.TypeMeta
		if err := json.Unmarshal(asked.Object, &kind); err != nil {
			return answer{Refused: err.Error()}
		}
		types := map[string]any{
			"ConfigMap": &corev1.ConfigMap{}, "Secret": &corev1.Secret{}, "ServiceAccount": &corev1.ServiceAccount{},
			"Role": &rbacv1.Role{}, "RoleBinding": &rbacv1.RoleBinding{},
			"Job": &batchv1.Job{}, "CronJob": &batchv1.CronJob{},
		}
		if err := decode(asked.Object, types[kind.Kind]); err != nil {
			return answer{Refused: err.Error()}
		}
		return answer{}
	}
	panic("unknown question " + asked.Ask)
}

// decode reads as the API server does with fieldValidation=Strict.
func decode(text []byte, into any) error {
	strict, err := kjson.UnmarshalStrict(text, into)
	if err != nil {
		return err
	}
	if len(strict) > 0 {
		return strict[0]
	}
	return nil
}
