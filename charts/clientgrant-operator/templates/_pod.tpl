{{/* The manager's flags, a YAML list. A value that is left empty is left to the manager. */}}
{{- define "clientgrant-operator.args" -}}
{{- $args := list }}
{{- if .Values.leaderElection.enabled }}{{ $args = append $args "--leader-elect" }}{{ end }}
{{- $args = append $args "--health-probe-bind-address=:8081" }}
{{- if .Values.metrics.enabled }}
{{- $args = concat $args (list (printf "--metrics-bind-address=:%d" (int .Values.metrics.port)) "--metrics-secure") }}
{{- if .Values.metrics.certificateSecretName }}{{ $args = append $args "--metrics-cert-dir=/etc/clientgrant-operator/metrics" }}{{ end }}
{{- else }}
{{- $args = append $args "--metrics-bind-address=127.0.0.1:8080" }}
{{- end }}
{{- with .Values.tenantNamespaces }}{{ $args = append $args (printf "--tenant-namespaces=%s" (join "," .)) }}{{ end }}
{{- with .Values.watchNamespaces }}{{ $args = append $args (printf "--watch-namespaces=%s" (join "," .)) }}{{ end }}
{{- with .Values.allowedDomains }}{{ $args = append $args (printf "--allowed-domains=%s" (join "," .)) }}{{ end }}
{{- if .Values.readOnly }}{{ $args = append $args "--read-only" }}{{ end }}
{{- with .Values.logLevel }}{{ $args = append $args (printf "--log-level=%s" .) }}{{ end }}
{{- concat $args .Values.extraArgs | toYaml }}
{{- end }}

{{/* The manager's environment, a YAML list. The API server is never reached by a proxy: its address is in the pod's environment. */}}
{{- define "clientgrant-operator.env" -}}
{{- $env := list }}
{{- with .Values.proxy }}
{{- with .httpsProxy }}{{ $env = append $env (dict "name" "HTTPS_PROXY" "value" .) }}{{ end }}
{{- with .httpProxy }}{{ $env = append $env (dict "name" "HTTP_PROXY" "value" .) }}{{ end }}
{{- if or .httpsProxy .httpProxy }}
{{- $direct := prepend (compact (list .noProxy)) "$(KUBERNETES_SERVICE_HOST)" | join "," }}
{{- $env = append $env (dict "name" "NO_PROXY" "value" $direct) }}
{{- end }}
{{- end }}
{{- if or .Values.caBundle.configMapName .Values.caBundle.secretName }}
{{- $env = append $env (dict "name" "SSL_CERT_FILE" "value" (printf "/etc/clientgrant-operator/ca/%s" .Values.caBundle.key)) }}
{{- end }}
{{- with concat $env .Values.extraEnv }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* What is mounted into the manager's container, a YAML list; and the volumes for it. */}}
{{- define "clientgrant-operator.volumeMounts" -}}
{{- $mounts := list }}
{{- if or .Values.caBundle.configMapName .Values.caBundle.secretName }}
{{- $mounts = append $mounts (dict "name" "ca-bundle" "mountPath" "/etc/clientgrant-operator/ca" "readOnly" true) }}
{{- end }}
{{- if and .Values.metrics.enabled .Values.metrics.certificateSecretName }}
{{- $mounts = append $mounts (dict "name" "metrics-certificate" "mountPath" "/etc/clientgrant-operator/metrics" "readOnly" true) }}
{{- end }}
{{- with concat $mounts .Values.extraVolumeMounts }}{{ toYaml . }}{{ end }}
{{- end }}
{{- define "clientgrant-operator.volumes" -}}
{{- $volumes := list }}
{{- with .Values.caBundle.configMapName }}
{{- $volumes = append $volumes (dict "name" "ca-bundle" "configMap" (dict "name" .)) }}
{{- end }}
{{- with .Values.caBundle.secretName }}
{{- $volumes = append $volumes (dict "name" "ca-bundle" "secret" (dict "secretName" .)) }}
{{- end }}
{{- if and .Values.metrics.enabled .Values.metrics.certificateSecretName }}
{{- $volumes = append $volumes (dict "name" "metrics-certificate" "secret" (dict "secretName" .Values.metrics.certificateSecretName)) }}
{{- end }}
{{- with concat $volumes .Values.extraVolumes }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* The spread, with the operator's pods where a constraint does not say which. */}}
{{- define "clientgrant-operator.topologySpreadConstraints" -}}
{{- $own := dict "labelSelector" (dict "matchLabels" (include "clientgrant-operator.selectorLabels" . | fromYaml)) }}
{{- $constraints := list }}
{{- range .Values.topologySpreadConstraints }}
{{- $constraints = append $constraints (hasKey . "labelSelector" | ternary . (merge (deepCopy .) $own)) }}
{{- end }}
{{- with $constraints }}{{ toYaml . }}{{ end }}
{{- end }}
