// integrations/argocd/plugin.yaml against Argo CD: its fields by the types in Argo CD's own source, and which folders it is
// discovered in.
package integrations

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// The fields of the structs in a file of Argo CD: type, then the name in YAML, then the field's type.
func fields(t *testing.T, file string) map[string]map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	ast.Inspect(parsed, func(node ast.Node) bool {
		spec, isType := node.(*ast.TypeSpec)
		if !isType {
			return true
		}
		structure, isStruct := spec.Type.(*ast.StructType)
		if !isStruct {
			return false
		}
		of := map[string]string{}
		for _, field := range structure.Fields.List {
			name := ""
			if field.Tag != nil {
				tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`"))
				name, _, _ = strings.Cut(tag.Get("json")+tag.Get("yaml"), ",")
			}
			if name == "" {
				name = "inline " + base(field.Type)
			}
			of[name] = base(field.Type)
		}
		all[spec.Name.Name] = of
		return false
	})
	return all
}

// The name of a type without its package, pointers and brackets.
func base(expression ast.Expr) string {
	switch expression := expression.(type) {
	case *ast.Ident:
		return expression.Name
	case *ast.SelectorExpr:
		return expression.Sel.Name
	case *ast.StarExpr:
		return base(expression.X)
	case *ast.ArrayType:
		return base(expression.Elt)
	}
	return ""
}

// Reports every field that the type does not have.
func checkFields(t *testing.T, types map[string]map[string]string, name string, value any, at string) {
	t.Helper()
	known, isStruct := types[name]
	if !isStruct {
		return
	}
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			checkFields(t, types, name, item, at)
		}
	case map[string]any:
		for key, inner := range value {
			of, found := known[key]
			for inline, embedded := range known {
				if strings.HasPrefix(inline, "inline ") && !found {
					of, found = types[embedded][key]
				}
			}
			if !found {
				t.Errorf("%s.%s: no field of %s", at, key, name)
			}
			checkFields(t, types, of, inner, at+"."+key)
		}
	}
}

func pluginTypes(t *testing.T) map[string]map[string]string {
	t.Helper()
	source := os.Getenv("ARGOCD_SOURCE")
	if source == "" {
		t.Fatal("ARGOCD_SOURCE does not name the folder of Argo CD's module; tools/integrations-check.py does")
	}
	types := fields(t, filepath.Join(source, "cmpserver/plugin/config.go"))
	for name, of := range fields(t, filepath.Join(source, "reposerver/apiclient/repository.pb.go")) {
		types[name] = of
	}
	types["TypeMeta"] = map[string]string{"apiVersion": "string", "kind": "string"}
	types["ObjectMeta"] = map[string]string{"name": "string"}
	return types
}

func plugin(t *testing.T) map[string]any {
	t.Helper()
	var plugin map[string]any
	if err := yaml.UnmarshalStrict(read(t, "integrations/argocd/plugin.yaml"), &plugin); err != nil {
		t.Fatal(err)
	}
	return plugin
}

func TestPluginHasOnlyFieldsOfArgoCD(t *testing.T) {
	types := pluginTypes(t)
	if types["PluginConfigSpec"]["generate"] != "Command" || types["ParameterAnnouncement"]["tooltip"] != "string" {
		t.Fatalf("Argo CD's types are not where they were: %v", types["PluginConfigSpec"])
	}
	checkFields(t, types, "PluginConfig", plugin(t), "plugin")

	wrong := &testing.T{}
	checkFields(wrong, types, "PluginConfig", map[string]any{"spec": map[string]any{"generat": nil}}, "plugin")
	if !wrong.Failed() {
		t.Error("a misspelt field is not found")
	}
}

func TestPluginIsDiscoveredInTheProjectsFolderAlone(t *testing.T) {
	spec := plugin(t)["spec"].(map[string]any)
	pattern := spec["discover"].(map[string]any)["fileName"].(string)
	for folder, expected := range map[string]bool{
		"examples/quickstart": true, "examples": false, "golden/team/folder": false, "examples/team/shop": false,
	} {
		// As Argo CD matches `fileName`. `find.glob` is none for a single name: where that is missing, Argo CD's library
		// gives an error instead of no match.
		matches, err := filepath.Glob(filepath.Join(root, folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		if found := len(matches) > 0; found != expected {
			t.Errorf("%s: %v", folder, matches)
		}
	}
}
