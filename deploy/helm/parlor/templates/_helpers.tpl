{{- define "parlor.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "parlor.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "parlor.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "parlor.selector" . }}
{{- end }}

{{- define "parlor.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Settings as variables: `topic_prefix: parlor` is PARLOR_TOPIC_PREFIX. A map is a list of name=value. */}}
{{- define "parlor.variables" -}}
{{- range $name, $value := . }}
{{- if kindIs "map" $value }}
{{- $pairs := list }}
{{- range $key, $one := $value }}{{ $pairs = append $pairs (printf "%s=%v" $key $one) }}{{ end }}
{{- $value = $pairs }}
{{- end }}
{{- if and (not (kindIs "invalid" $value)) (ne (toString $value) "") }}
PARLOR_{{ upper $name }}: {{ kindIs "slice" $value | ternary (toRawJson $value) (toString $value) | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "parlor.config" -}}
{{- $config := omit .Values.config "listen" -}}
{{- if not $config.kafka }}{{ fail "config.kafka must be given: HOST:PORT,… of the brokers" }}{{ end -}}
{{- if not $config.cql }}{{ fail "config.cql must be given: HOST:PORT,… of the CQL store" }}{{ end -}}
{{- if kindIs "invalid" $config.trusted_proxies }}
{{- $proxies := add (ternary 1 0 .Values.proxy.enabled) (ternary 1 0 .Values.ingress.enabled) }}
{{- $config = merge (dict "trusted_proxies" $proxies) (omit $config "trusted_proxies") }}
{{- end -}}
PARLOR_LISTEN: 0.0.0.0:8080
{{- include "parlor.variables" $config }}
{{- end }}

{{/* `who` is empty, or `-migrate` for what must be there before the rest. */}}
{{- define "parlor.envFrom" -}}
- configMapRef:
    name: {{ include "parlor.name" .root }}{{ .who }}
{{- if .root.Values.existingSecret }}
- secretRef:
    name: {{ .root.Values.existingSecret }}
{{- else if .root.Values.secret }}
- secretRef:
    name: {{ include "parlor.name" .root }}{{ .who }}
{{- end }}
{{- end }}

{{- define "parlor.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- define "parlor.podSecurity" -}}
runAsNonRoot: true
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "parlor.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "parlor.spread" -}}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "parlor.selector" $.root | nindent 6 }}
      app.kubernetes.io/component: {{ $.component }}
{{- end }}
{{- end }}

{{/* What the conversation's node is found by, for controllers that hash themselves. */}}
{{- define "parlor.maps" -}}
map $uri $parlor_key {
  "~/(?:cv|conv)_(?<parlor_conversation>[0-9A-Za-z]{1,22})(?:/|$)" $parlor_conversation;
  default $parlor_caller;
}
map $http_idempotency_key $parlor_caller {
  "" $remote_addr:$remote_port;
  default $http_idempotency_key;
}
{{- end }}
