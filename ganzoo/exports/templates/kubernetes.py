"""Kubernetes: the manifests of a deployment, one a file. What depends on a cluster is marked with CHANGE."""

from __future__ import annotations

import json
from textwrap import indent

from ganzoo.exports.templates import model_server
from ganzoo.exports.templates.model_server import Server

# A pod that goes away first waits until nobody sends it requests any more and those under way have their answers:
# a little for the news to spread, then as long as a request can take. gRPC connections are renewed within that time.
DRAIN_SECONDS = 5 + model_server.REST_TIMEOUT_SECONDS


def manifests(server: Server) -> dict[str, str]:
    """Each manifest's file name and text; all its resources bear the server's name."""
    return {
        "autoscaler.yaml": _autoscaler(server.resource),
        "configmap.yaml": _config_map(server),
        "deployment.yaml": _deployment(server),
        "disruption_budget.yaml": _disruption_budget(server.resource),
        "service.yaml": _service(server.resource),
        "volume.yaml": _volume(server.resource),
    }


def _deployment(server: Server) -> str:
    resource = server.resource
    flags = "\n".join(f"            - {flag}" for flag in server.flags)
    health = indent(server.health_check, " " * 18)
    return f"""\
# No number of replicas: the autoscaler decides it.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {resource}
  labels:
    app.kubernetes.io/name: {resource}
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: {resource}
  strategy:
    rollingUpdate:
      maxUnavailable: 0 # a new pod answers before an old one goes
      maxSurge: 1
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {resource}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "{model_server.REST_PORT}"
        prometheus.io/path: {model_server.METRICS}
    spec:
      automountServiceAccountToken: false
      shareProcessNamespace: true # else the server is process 1, which ignores SIGTERM
      terminationGracePeriodSeconds: {DRAIN_SECONDS + 10} # preStop, then the end
      nodeSelector:
        kubernetes.io/arch: amd64 # the official image exists for x86-64 alone
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              app.kubernetes.io/name: {resource}
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001 # nobody in particular: the exports must be readable by everybody
        runAsGroup: 10001
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: serving
          image: {json.dumps(server.image)}
          command: [tensorflow_model_server]
          args:
{flags}
          ports:
            - name: grpc
              containerPort: {model_server.GRPC_PORT}
            - name: rest
              containerPort: {model_server.REST_PORT}
          # The ports open once all models are loaded and warm.
          startupProbe:
            tcpSocket:
              port: rest
            periodSeconds: 2
            failureThreshold: 150
          readinessProbe: # each model has a version that answers
            exec:
              command:
                - bash
                - -c
                - |
{health}\
            periodSeconds: 10
            timeoutSeconds: 5
          livenessProbe: # the process, not the models: a restart would not mend those, nor a load that is too high
            tcpSocket:
              port: grpc
            periodSeconds: 20
            timeoutSeconds: 5
          lifecycle:
            preStop: # SIGTERM ends the server at once, with all that it is answering
              exec:
                command: [sleep, "{DRAIN_SECONDS}"]
          resources: # CHANGE: while a new version takes over, both are in memory
            requests:
              cpu: "{model_server.NUM_BATCH_THREADS}" # as num_batch_threads, where rows are batched
              memory: 2Gi
            limits:
              memory: 4Gi
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          volumeMounts:
            - name: config
              mountPath: {model_server.CONFIGS}
              readOnly: true
            - name: models
              mountPath: {model_server.MODELS}
              readOnly: true
            - name: tmp
              mountPath: /tmp
      volumes:
        - name: config
          configMap:
            name: {resource}
        - name: models
          persistentVolumeClaim:
            claimName: {resource}
        - name: tmp
          emptyDir:
            sizeLimit: 64Mi
"""


def _config_map(server: Server) -> str:
    data = "".join(f"  {name}: |\n{indent(text, '    ')}" for name, text in server.configs.items())
    return f"""\
# A change of models.config is seen by the running pods within two minutes; what else is here is read at the start:
# kubectl rollout restart deployment/{server.resource}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {server.resource}
data:
{data}"""


def _service(resource: str) -> str:
    return f"""\
# For clients inside the cluster. The server asks nobody for a password: what lets the world in has to.
apiVersion: v1
kind: Service
metadata:
  name: {resource}
spec:
  selector:
    app.kubernetes.io/name: {resource}
  ports:
    - name: grpc
      port: {model_server.GRPC_PORT}
      targetPort: grpc
    - name: rest
      port: {model_server.REST_PORT}
      targetPort: rest
"""


def _autoscaler(resource: str) -> str:
    return f"""\
# Reads the load from the cluster's metrics-server.
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {resource}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {resource}
  minReplicas: 2 # one may fail or move
  maxReplicas: 6 # CHANGE: what the cluster can spare
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: 70 # of what a pod requests: drawing keeps the cores busy
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 300 # a pod takes a while to load and warm up: do not give it away too soon
"""


def _disruption_budget(resource: str) -> str:
    return f"""\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {resource}
spec:
  maxUnavailable: 1 # nodes are drained one pod at a time
  selector:
    matchLabels:
      app.kubernetes.io/name: {resource}
"""


def _volume(resource: str) -> str:
    return f"""\
# The exported models, as ganzoo export writes them: NAME/VERSION/saved_model.pb and the rest.
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {resource}
spec:
  # CHANGE: a class of your cluster for volumes that several nodes may use (NFS, CephFS, a cloud's file store).
  # storageClassName: nfs
  accessModes: [ReadWriteMany]
  resources:
    requests:
      storage: 10Gi
"""
