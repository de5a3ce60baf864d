{{- define "ragdesk.name" -}}
{{- if contains "ragdesk" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-ragdesk" (.Release.Name | trunc 42 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "ragdesk.selector" -}}
app.kubernetes.io/name: ragdesk
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ragdesk.labels" -}}
{{ include "ragdesk.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "ragdesk.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- define "ragdesk.home" -}}
{{ .Values.home.existingClaim | default (include "ragdesk.name" .) }}
{{- end }}

{{- define "ragdesk.modelUrls" -}}
{{- $urls := .Values.model.urls -}}
{{- if .Values.model.enabled -}}
{{- $name := printf "%s-model" (include "ragdesk.name" .) -}}
{{- range $number := until (int .Values.model.replicas) -}}
{{- $urls = append $urls (printf "http://%s-%d.%s:8000/v1" $name $number $name) -}}
{{- end -}}
{{- end -}}
{{ join "," $urls }}
{{- end }}

{{- define "ragdesk.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "ragdesk.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "ragdesk.environment" -}}
- {name: RAGDESK_SERVE__DRAIN_SECONDS, value: {{ .Values.drainSeconds | quote }}}
- {name: RAGDESK_SUPPORT__ENCRYPTION_KEY, value: "file:/run/secrets/ragdesk/encryption_key"}
{{- if .Values.database.enabled }}
- {name: RAGDESK_SUPPORT__DATABASE_FILE, value: /run/secrets/ragdesk/database_url}
{{- end }}
{{- with include "ragdesk.modelUrls" . }}
- {name: RAGDESK_GENERATE__URLS, value: {{ . | quote }}}
{{- end }}
{{- with .Values.trustedProxies }}
- {name: RAGDESK_SERVE__TRUSTED_PROXIES, value: {{ join "," . | quote }}}
{{- end }}
{{- range $name, $value := .Values.environment }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- with .Values.extraEnvironment }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "ragdesk.mounts" -}}
- {name: home, mountPath: /var/lib/ragdesk}
- {name: temporary, mountPath: /tmp}
- {name: secret, mountPath: /run/secrets/ragdesk, readOnly: true}
- {name: settings, mountPath: /etc/ragdesk, readOnly: true}
{{- end }}

{{- define "ragdesk.volumes" -}}
- name: home
  persistentVolumeClaim: {claimName: {{ include "ragdesk.home" . }}}
- name: temporary
  emptyDir: {sizeLimit: {{ .Values.temporary }}}
- name: secret
  secret: {secretName: {{ .Values.secret.name }}, defaultMode: 0440}
- name: settings
  configMap: {name: {{ include "ragdesk.name" . }}}
{{- end }}
