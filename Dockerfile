FROM python:3.11-slim

# The id is what the manifests in deploy/ name, too; nothing of the image is the user's, only /data.
RUN useradd --create-home --uid 10001 glow && mkdir /data && chown glow /data
WORKDIR /app

# From wheels alone, save for docopt, which is plain Python: nothing is compiled, so the image needs no compiler.
COPY pyproject.toml constraints.txt README.md LICENSE glow_voice_pytest.py ./
COPY voice voice
COPY models models
COPY pipeline pipeline
COPY api api
RUN pip install --no-cache-dir --only-binary :all: --no-binary docopt -c constraints.txt '.[neural,postgres,redis,telemetry]'

USER 10001
ENV GLOW_HOST=0.0.0.0 \
    GLOW_PORT=8010 \
    GLOW_DATA_DIR=/data
VOLUME /data
EXPOSE 8010
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"GLOW_PORT\"]}/health', timeout=2)"]
CMD ["glow", "serve"]
