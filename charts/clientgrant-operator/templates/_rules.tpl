{{/* The rules of a generated role: a dict of root and file. */}}
{{- define "clientgrant-operator.rules" -}}
{{- (.root.Files.Get (printf "files/rbac/%s" .file) | fromYaml).rules | toYaml }}
{{- end }}

{{/*
The operator's rules for a Role, a dict of root and namespace: without what is cluster-scoped, and without what the operator does
not read in this namespace.
*/}}
{{- define "clientgrant-operator.namespacedRules" -}}
{{- $without := list "namespaces" }}
{{- if not (has .namespace (include "clientgrant-operator.tenantNamespaces" .root | fromJsonArray)) }}
{{- $without = append $without "auth0tenants" }}
{{- end }}
{{- if not (has .namespace .root.Values.watchNamespaces) }}
{{- $without = concat $without (list "clientgrants" "configmaps") }}
{{- end }}
{{- $rules := list }}
{{- range (.root.Files.Get "files/rbac/role.yaml" | fromYaml).rules }}
{{- $resources := list }}
{{- range .resources }}
{{- if not (has (splitList "/" . | first) $without) }}{{ $resources = append $resources . }}{{ end }}
{{- end }}
{{- if $resources }}{{ $rules = append $rules (merge (dict "resources" $resources) .) }}{{ end }}
{{- end }}
{{- toYaml $rules }}
{{- end }}

{{/* The rest of a binding to the operator's service account: a dict of root and of kind and suffix of the role. */}}
{{- define "clientgrant-operator.binding" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ include "clientgrant-operator.fullname" .root }}-{{ .suffix }}
subjects:
- kind: ServiceAccount
  name: {{ include "clientgrant-operator.serviceAccountName" .root }}
  namespace: {{ .root.Release.Namespace }}
{{- end }}
