{{- define "clientgrant-operator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* What names begin with: 40 characters leave room for the longest ending. */}}
{{- define "clientgrant-operator.fullname" -}}
{{- $name := .Values.fullnameOverride }}
{{- if not $name }}
{{- $name = contains "clientgrant" .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) }}
{{- end }}
{{- $name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "clientgrant-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (printf "%s-controller-manager" (include "clientgrant-operator.fullname" .)) }}
{{- end }}

{{- define "clientgrant-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "clientgrant-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller-manager
{{- end }}

{{/*
The metadata of an object, so that names, labels and annotations are everywhere the same: a dict of root and of suffix or name,
and where it has them namespace, labels and annotations.
*/}}
{{- define "clientgrant-operator.metadata" -}}
{{- $root := .root }}
{{- $base := dict
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/name" (include "clientgrant-operator.name" $root)
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/version" ($root.Chart.AppVersion | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/managed-by" $root.Release.Service -}}
name: {{ .name | default (printf "%s-%s" (include "clientgrant-operator.fullname" $root) .suffix) }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- merge $base (.labels | default dict) $root.Values.commonLabels | toYaml | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* An image's reference: a dict of image and, for one without a tag, default. */}}
{{- define "clientgrant-operator.image" -}}
{{- $name := .image.repository }}
{{- with .image.registry }}{{ $name = printf "%s/%s" . $name }}{{ end }}
{{- if .image.digest }}{{ $name }}@{{ .image.digest }}{{ else }}{{ $name }}:{{ .image.tag | default .default }}{{ end }}
{{- end }}

{{/* The namespaces of Auth0Tenants, and all that have Roles for ClientGrants or Auth0Tenants: JSON lists. */}}
{{- define "clientgrant-operator.tenantNamespaces" -}}
{{- .Values.tenantNamespaces | default (list .Release.Namespace) | uniq | toJson }}
{{- end }}
{{- define "clientgrant-operator.roleNamespaces" -}}
{{- concat .Values.watchNamespaces (include "clientgrant-operator.tenantNamespaces" . | fromJsonArray) | uniq | toJson }}
{{- end }}
