#!/usr/bin/env bash
# One worker for each GPU of this machine, until the queue is empty.
#
#   one-worker-a-gpu.sh postgresql://latens@db/latens wide
#
# Each worker sees one GPU alone, so that none takes another's memory. The threads of the machine
# are divided among them. The password is read from ~/.pgpass or $PGPASSWORD.
set -euo pipefail

url=$1
study=$2
gpus=$(nvidia-smi --list-gpus | wc -l)
threads=$(( ($(nproc) + gpus - 1) / gpus ))

stop() { kill -TERM $(jobs -p) 2>/dev/null || true; }  # each saves, and gives its trial back
trap stop INT TERM

for gpu in $(seq 0 $(( gpus - 1 ))); do
    CUDA_VISIBLE_DEVICES=$gpu latens worker --storage "$url" --study "$study" \
        --threads "$threads" > "worker-$(hostname)-$gpu.log" 2>&1 &
done
wait
