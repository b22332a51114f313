#!/bin/sh
# Scores the sample photographs and writes their heatmaps to demo/.
set -eu
cd "$(dirname "$0")/.."
rahf=.build/release/rahf
mkdir -p demo
vocabulary=Tests/RewardModelTests/Fixtures/golden-multi-port/spiece.model
[ -f demo/model/model.safetensors ] || "$rahf" create --preset tiny --tokenizer "$vocabulary" --out demo/model
cat > demo/list.jsonl <<'LIST'
{"image":"Examples/photographs/astronaut.jpg","prompt":"an astronaut in an orange suit beside a flag"}
{"image":"Examples/photographs/chelsea.jpg","prompt":"a blue dog on a mat"}
{"image":"Examples/photographs/coffee.jpg","prompt":"a cup of coffee and a spoon on a wooden table"}
LIST
"$rahf" score --model demo/model --list demo/list.jsonl --heatmaps-to demo/heatmaps
echo "The model is seeded and untrained: the numbers show that everything runs, and mean nothing else."
echo "The heatmaps are in demo/heatmaps."
