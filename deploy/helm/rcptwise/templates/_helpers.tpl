{{- define "rcptwise.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "rcptwise.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rcptwise.labels" -}}
{{ include "rcptwise.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* The operator's configuration, with what the chart decides: where it listens, and where its files are. */ -}}
{{- define "rcptwise.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $listener := dict "address" "0.0.0.0:2525" -}}
{{- if .Values.proxyProtocolFrom -}}
{{- $_ := set $listener "proxy_protocol_from" .Values.proxyProtocolFrom -}}
{{- end -}}
{{- $_ := set $config "listen" (list $listener) -}}
{{- $_ := set $config "admin" (dict "listen" "0.0.0.0:9225" "tokens" (list (dict "name" "admin" "role" "operate" "token_file" "/run/secrets/admin/token"))) -}}
{{- $_ := set $config "data_directory" "/var/lib/rcptwise" -}}
{{- if .Values.tlsSecret -}}
{{- $pair := dict "cert" "/run/secrets/tls/tls.crt" "key" "/run/secrets/tls/tls.key" -}}
{{- $_ := set $config "tls" (merge (dict "certificates" (list $pair)) (get $config "tls" | default dict)) -}}
{{- end -}}
{{- if .Values.recipients -}}
{{- $recipients := get $config "recipients" | default dict -}}
{{- $sources := get $recipients "sources" | default list -}}
{{- $_ := set $recipients "sources" (prepend $sources (dict "file" "recipients.yaml")) -}}
{{- $_ := set $config "recipients" $recipients -}}
{{- end -}}
{{- $ledger := get $config "ledger" | default "" -}}
{{- $place := kindIs "string" $ledger | ternary $ledger (dig "path" "" (kindIs "map" $ledger | ternary $ledger dict)) -}}
{{- if and (gt (int .Values.replicas) 1) (not (regexMatch "^rediss?:" $place)) -}}
{{- fail "replicas above 1 need a ledger that they share: set config.ledger to redis://HOST, or replicas to 1" -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
