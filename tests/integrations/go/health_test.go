// Health of OMJobs and CronOMJobs in every state, as Argo CD's and Flux's own libraries compute it from the checks in
// integrations/, against tests/integrations/health.yaml.
package integrations

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
	"sigs.k8s.io/yaml"
)

const root = "../../.."

type healthCase struct {
	Name    string         `json:"name"`
	Object  map[string]any `json:"object"`
	ArgoCD  string         `json:"argocd"`
	Message string         `json:"message"`
	Flux    string         `json:"flux"`
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func cases(t *testing.T) []healthCase {
	t.Helper()
	var all []healthCase
	if err := yaml.UnmarshalStrict(read(t, "tests/integrations/health.yaml"), &all); err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		one.Object["apiVersion"] = "pipelines.openmetadata.org/v1"
		metadata, _ := one.Object["metadata"].(map[string]any)
		if metadata == nil {
			metadata = map[string]any{}
		}
		metadata["name"], metadata["generation"] = "a", int64(1)
		one.Object["metadata"] = metadata
		if one.Object["spec"] == nil {
			one.Object["spec"] = map[string]any{}
		}
		whole(one.Object)
	}
	return all
}

// Numbers as a Kubernetes client has them: whole ones are int64.
func whole(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			value[key] = whole(inner)
		}
	case []any:
		for index, inner := range value {
			value[index] = whole(inner)
		}
	case float64:
		return int64(value)
	}
	return value
}

// The health checks by the key under which argocd-cm has them.
func scripts(t *testing.T) map[string]string {
	t.Helper()
	var component struct {
		ConfigMapGenerator []struct {
			Files []string `json:"files"`
		} `json:"configMapGenerator"`
	}
	folder := "integrations/argocd/health"
	if err := yaml.Unmarshal(read(t, folder+"/kustomization.yaml"), &component); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, entry := range component.ConfigMapGenerator[0].Files {
		key, file, _ := strings.Cut(entry, "=")
		all[key] = string(read(t, folder+"/"+file))
	}
	return all
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case []any:
		table := state.NewTable()
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	}
	return lua.LNil
}

// As Argo CD runs a script of argocd-cm: with the libraries package, base and table alone (and an os of which these scripts
// want nothing), one second, the object as `obj`, and a table as answer.
func runLua(t *testing.T, script string, object map[string]any) (status, message string) {
	t.Helper()
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		t.Fatal(err)
	}
	text, err := luajson.Encode(state.Get(-1))
	if err != nil {
		t.Fatal(err)
	}
	var health struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&health); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return health.Status, health.Message
}

func TestArgoCD(t *testing.T) {
	scripts := scripts(t)
	for _, one := range cases(t) {
		t.Run(one.Name, func(t *testing.T) {
			key := "resource.customizations.health.pipelines.openmetadata.org_" + one.Object["kind"].(string)
			status, message := runLua(t, scripts[key], one.Object)
			if status != one.ArgoCD || one.Message != "" && message != one.Message {
				t.Errorf("%s: %s; expected %s: %s", status, message, one.ArgoCD, one.Message)
			}
			if message == "" {
				t.Error("no message")
			}
		})
	}
}

// The expressions of the example, by kind.
func expressions(t *testing.T) map[string]kustomize.CustomHealthCheck {
	t.Helper()
	all := map[string]kustomize.CustomHealthCheck{}
	for _, document := range bytes.Split(read(t, "integrations/flux/openmetadata-pipelines.yaml"), []byte("---\n")) {
		var kustomization struct {
			Spec struct {
				HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal(document, &kustomization); err != nil {
			t.Fatal(err)
		}
		for _, check := range kustomization.Spec.HealthCheckExprs {
			if check.APIVersion != "pipelines.openmetadata.org/v1" {
				t.Errorf("%s of %s", check.Kind, check.APIVersion)
			}
			all[check.Kind] = check
		}
	}
	return all
}

func TestFlux(t *testing.T) {
	expressions := expressions(t)
	for _, one := range cases(t) {
		t.Run(one.Name, func(t *testing.T) {
			check := expressions[one.Object["kind"].(string)]
			evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
			if err != nil {
				t.Fatal(err)
			}
			status := "Unknown" // what Flux makes of an error
			if result, err := evaluator.Evaluate(t.Context(), &unstructured.Unstructured{Object: one.Object}); err == nil {
				status = result.Status.String()
			}
			if status != one.Flux {
				t.Errorf("%s; expected %s", status, one.Flux)
			}
		})
	}
}

// No phase is left out, for a hook and for what is none.
func TestEveryPhaseIsAmongTheCases(t *testing.T) {
	var schema struct {
		Properties struct {
			Status struct {
				Properties struct {
					Phase struct {
						Enum []string `json:"enum"`
					} `json:"phase"`
				} `json:"properties"`
			} `json:"status"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(read(t, "schemas/OMJob.json"), &schema); err != nil {
		t.Fatal(err)
	}
	phases := schema.Properties.Status.Properties.Phase.Enum
	if len(phases) < 5 {
		t.Fatalf("only the phases %v", phases)
	}
	seen := map[string]int{}
	for _, one := range cases(t) {
		phase, _, _ := unstructured.NestedString(one.Object, "status", "phase")
		_, isHook, _ := unstructured.NestedString(one.Object, "metadata", "annotations", "argocd.argoproj.io/hook")
		if isHook {
			phase += " of a hook"
		}
		seen[phase]++
	}
	for _, phase := range phases {
		if seen[phase] == 0 || seen[phase+" of a hook"] == 0 {
			t.Errorf("no case for %s", phase)
		}
	}
}
