{{/* What no schema can say: values that do not go together. */}}
{{- define "clientgrant-operator.validate" -}}
{{- $v := .Values }}
{{- if not $v.leaderElection.enabled }}
{{- if gt (int $v.replicaCount) 1 }}
{{- fail (printf "replicaCount is %d and leaderElection.enabled is false, so that every pod would write to the tenants: set leaderElection.enabled to true, or replicaCount to 1" (int $v.replicaCount)) }}
{{- end }}
{{- if ne ($v.strategy.type | default "Recreate") "Recreate" }}
{{- fail (printf "strategy.type is %s and leaderElection.enabled is false, so that two pods would write to the tenants during an upgrade: set leaderElection.enabled to true, or strategy.type to Recreate" $v.strategy.type) }}
{{- end }}
{{- end }}
{{- if and (ne (toString $v.podDisruptionBudget.minAvailable) "") (ne (toString $v.podDisruptionBudget.maxUnavailable) "") }}
{{- fail (printf "podDisruptionBudget.minAvailable is %v and podDisruptionBudget.maxUnavailable is %v: set one of the two" $v.podDisruptionBudget.minAvailable $v.podDisruptionBudget.maxUnavailable) }}
{{- end }}
{{- if not (or $v.serviceAccount.create $v.serviceAccount.name) }}
{{- fail "serviceAccount.create is false and serviceAccount.name is empty: name the service account that the operator runs as" }}
{{- end }}
{{- if and $v.serviceMonitor.enabled (not $v.metrics.enabled) }}
{{- fail "serviceMonitor.enabled is true and metrics.enabled is false, so that there is nothing to scrape: set metrics.enabled to true" }}
{{- end }}
{{- if and $v.caBundle.configMapName $v.caBundle.secretName }}
{{- fail (printf "caBundle.configMapName is %q and caBundle.secretName is %q: set one of the two" $v.caBundle.configMapName $v.caBundle.secretName) }}
{{- end }}
{{- end }}
