# The libraries are built in one image and run in another, so no compiler and no pip cache travels along.
FROM python:3.12-slim AS libraries
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.txt .
RUN /venv/bin/python -m pip install --require-hashes -r requirements.txt

FROM python:3.12-slim
# For the letters of report.pdf that the PDF library's own font lacks.
RUN apt-get update && apt-get install --yes --no-install-recommends fonts-dejavu-core && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin trader \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=libraries /venv /venv
WORKDIR /srv
COPY . .
RUN /venv/bin/python -m compileall -q app backtest components services strategies wiring main.py
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TRADER_DATA_DIR=/data \
    NUMBA_CACHE_DIR=/data/compiled \
    TRADER_HOST=0.0.0.0 \
    TRADER_PORT=8080 \
    NICEGUI_STORAGE_PATH=/data/nicegui
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=4)"]
ENTRYPOINT ["python", "main.py"]
CMD ["run"]
