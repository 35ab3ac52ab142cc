# The checkout with what `make demo` needs, on the CPU: docker build -t rast-eval . && docker run --rm rast-eval run
# With a GPU: docker build --build-arg EXTRA=vllm --build-arg TORCH_INDEX= -t rast-eval . && docker run --gpus all …
FROM python:3.11-slim
ARG EXTRA=run
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends bubblewrap \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/rast-eval
COPY . .
RUN pip install --no-cache-dir -c constraints.txt ${TORCH_INDEX:+--extra-index-url ${TORCH_INDEX}} ".[${EXTRA}]"
WORKDIR /work
ENTRYPOINT ["rast-eval"]
CMD ["--help"]
