package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"sigs.k8s.io/yaml"
)

// custom says whether an API server with a CustomResourceDefinition takes an object strictly, and gives what it stores.
func custom(file string, object json.RawMessage) answer {
	text, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &definition); err != nil {
		panic(err)
	}
	var stored map[string]any
	if err := json.Unmarshal(object, &stored); err != nil {
		panic(err)
	}
	for _, version := range definition.Spec.Versions {
		if stored["apiVersion"] != definition.Spec.Group+"/"+version.Name {
			continue
		}
		var props apiextensions.JSONSchemaProps
		schema := version.Schema.OpenAPIV3Schema
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(schema, &props, nil); err != nil {
			panic(err)
		}
		structural, err := structuralschema.NewStructural(&props)
		if err != nil {
			panic(err)
		}
		unknown := pruning.PruneWithOptions(stored, structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
		if len(unknown) > 0 {
			return answer{Refused: fmt.Sprintf("unknown fields: %v", unknown)}
		}
		validator, _, err := validation.NewSchemaValidator(&props)
		if err != nil {
			panic(err)
		}
		if errors := validation.ValidateCustomResource(nil, stored, validator); len(errors) > 0 {
			return answer{Refused: errors.ToAggregate().Error()}
		}
		defaulting.Default(stored, structural)
		result, err := json.Marshal(stored)
		if err != nil {
			panic(err)
		}
		var asked any
		if err := json.Unmarshal(object, &asked); err != nil {
			panic(err)
		}
		if !reflect.DeepEqual(asked, any(stored)) {
			return answer{Result: result, Refused: "the API server fills in what was left out"}
		}
		return answer{Result: result}
	}
	return answer{Refused: "no such version"}
}

// filled is a template of External Secrets with values in place: its engine v2 has these functions and this option.
func filled(text string, values map[string]string) answer {
	functions := sprig.TxtFuncMap()
	delete(functions, "env")
	delete(functions, "expandenv")
	parsed, err := template.New("config").Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return answer{Refused: err.Error()}
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, values); err != nil {
		return answer{Refused: err.Error()}
	}
	result, err := json.Marshal(out.String())
	if err != nil {
		panic(err)
	}
	return answer{Result: result}
}
