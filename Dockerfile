# The desk in an image: a user without rights, on a root that may be read-only. No key, no password
# and no document is in it. How it is built and run: ragdesk/deploy/install.md
#
#   docker build -t ragdesk .
#   docker build -t ragdesk:cuda --build-arg REQUIREMENTS=cuda .
#
# BASE is any Linux with glibc and Python 3.11 or later that can make virtual environments.
ARG BASE=docker.io/library/python:3.12-slim-bookworm

# hadolint ignore=DL3006
FROM ${BASE} AS build
ARG REQUIREMENTS=cpu
SHELL ["/bin/sh", "-euc"]
COPY ragdesk/deploy/requirements /build/requirements
RUN python3 -m venv /build/tools; \
  /build/tools/bin/pip install --no-cache-dir --require-hashes --no-deps \
    -r /build/requirements/build.txt; \
  python3 -m venv --without-pip /opt/ragdesk; \
  /build/tools/bin/pip --python /opt/ragdesk/bin/python install --no-cache-dir \
    --require-hashes --no-deps -r "/build/requirements/${REQUIREMENTS}.txt"
WORKDIR /build/source
COPY . .
RUN /build/tools/bin/hatchling build -t wheel -d /build/dist; \
  /build/tools/bin/pip --python /opt/ragdesk/bin/python install --no-cache-dir --no-deps \
    --no-index /build/dist/*.whl; \
  /build/tools/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application \
    --output-reproducible --of JSON -o /opt/ragdesk/sbom.cdx.json /opt/ragdesk/bin/python
# The models as they run, so that no container makes them anew.
ENV RAGDESK_EMBED__CACHE=/opt/ragdesk/models
RUN mkdir /opt/ragdesk/models; \
  /opt/ragdesk/bin/ragdesk --home /build/home doctor --prepare; \
  chmod -R u=rwX,go=rX /opt/ragdesk

# hadolint ignore=DL3006
FROM ${BASE}
SHELL ["/bin/sh", "-euc"]
# Group 0, as some clusters give each container a user of its own in that group.
RUN echo 'ragdesk:x:10001:0::/var/lib/ragdesk:/usr/sbin/nologin' >> /etc/passwd; \
  install -d -m 0770 -o 10001 -g 0 /var/lib/ragdesk
COPY --from=build /opt/ragdesk /opt/ragdesk
# NVIDIA_…: read by NVIDIA's container runtime, and by nothing else.
ENV PATH=/opt/ragdesk/bin:$PATH \
  NVIDIA_DRIVER_CAPABILITIES=compute,utility \
  PYTHONDONTWRITEBYTECODE=1 \
  RAGDESK_EMBED__CACHE=/opt/ragdesk/models \
  RAGDESK_HOME=/var/lib/ragdesk
LABEL org.opencontainers.image.title=ragdesk \
  org.opencontainers.image.description="Answers from your own documents, with citations you can check." \
  org.opencontainers.image.licenses=Apache-2.0
USER 10001
WORKDIR /
VOLUME /var/lib/ragdesk
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python3", "-c", \
  "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ.get('RAGDESK_SERVE__PORT', '8080') + '/readyz', timeout=4)"]
ENTRYPOINT ["ragdesk"]
CMD ["serve", "--host", "0.0.0.0"]
