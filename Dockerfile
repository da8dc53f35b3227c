# One image for every process of the engine; by itself it serves an embedded store. It installs what uv.lock names and runs as a user without rights.
FROM python:3.11-slim AS build
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_PROJECT_ENVIRONMENT=/opt/shaoxiang
RUN pip install --no-cache-dir 'uv>=0.13,<0.14'
WORKDIR /src
COPY . .
RUN uv sync --frozen --no-dev --no-editable --extra postgres

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/shaoxiang --create-home shaoxiang
COPY --from=build /opt/shaoxiang /opt/shaoxiang
ENV PATH=/opt/shaoxiang/bin:$PATH SHAOXIANG_DIR=/var/lib/shaoxiang SHAOXIANG_HOST=0.0.0.0 SHAOXIANG_LOG_FORMAT=json
USER shaoxiang
WORKDIR /var/lib/shaoxiang
VOLUME /var/lib/shaoxiang
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["sh", "-c", "shaoxiang migrate && exec shaoxiang serve"]
