#!/usr/bin/env bash
# A virtual environment with Blender's `bpy` (GPL, 821 MB, Python 3.11) for benchmarks only; nothing of ours imports it.
# Usage: benchmarks/peers/bpy_venv.sh [folder]; then NIGHTPROOF_BPY_PYTHON=folder/bin/python
set -euo pipefail
folder=${1:-build/bpy}
"${PYTHON311:-python3.11}" -m venv "$folder"
"$folder/bin/pip" install --quiet "bpy==5.0.1"
echo "export NIGHTPROOF_BPY_PYTHON=$(cd "$folder" && pwd)/bin/python"
