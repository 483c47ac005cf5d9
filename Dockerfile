# convertkit with all its frameworks, and the field runtime. Build: docker build -t convertkit .
# Run in the folder of the model: docker run --rm -v "$PWD:/work" convertkit convert model.pt2 --to onnx
# pip takes torch as a CUDA build; --build-arg PIP_EXTRA_INDEX_URL=… names an index that has the CPU one.
FROM python:3.11-slim
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1

COPY constraints.txt constraints-field.txt /opt/convertkit/
WORKDIR /opt/convertkit
RUN python -m venv /opt/field && /opt/field/bin/pip install --quiet --requirement constraints-field.txt
RUN pip install --quiet --constraint constraints.txt torch
COPY pyproject.toml README.md LICENSE ./
COPY convertkit convertkit
COPY recipes recipes
RUN pip install --quiet --constraint constraints.txt .

ENV CONVERTKIT_PYTHON_FIELD=/opt/field/bin/python
RUN useradd --create-home convertkit && install -d -o convertkit /work
USER convertkit
WORKDIR /work
ENTRYPOINT ["convertkit"]
CMD ["--help"]
