{{/* By what its pods are told from others. */}}
{{- define "ompipe-operator.selector" -}}
app.kubernetes.io/name: ompipe-operator
app.kubernetes.io/component: omjob-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of every object. */}}
{{- define "ompipe-operator.labels" -}}
{{ include "ompipe-operator.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The service account, as the subject of a binding. */}}
{{- define "ompipe-operator.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
{{- end }}
