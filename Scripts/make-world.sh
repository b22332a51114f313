#!/bin/sh
# Makes the standard data sets of the world with known truth in world/, which git ignores. About 13 GB.
#
#   Scripts/make-world.sh [FOLDER] [SIZE]
#
# train             12,000 views of the training photographs, each clean and damaged, and 4,000 scenes
# train-photographs 18,000 more views, each clean and damaged
# train-kinds       30,000 views more, each clean and damaged, and 14 kinds of damage more
# train-scenes      30,000 scenes more: words, counts and places need many
# validation        the validation photographs and scenes, damage of the trained kinds: for choosing a checkpoint
# test-world        scenes and training photographs of an unseen seed, trained kinds
# test-photographs  photographs used nowhere else, kinds of damage used nowhere else
# test-seen-kinds   the same photographs, trained kinds: tells apart which of the two is hard
set -eu
cd "$(dirname "$0")/.."
folder=${1:-world}
size=${2:-192}
[ -d photographs/train ] || Scripts/photographs.sh
rahf=.build/release/rahf
# The kinds that every set but train-kinds has; that one has all that are trained on.
first=elastic,smear,blur,duplicate,mirror,ghosting,stretch,flatten,grain,posterise,lines,bulge,wave,holes
first=$first,fade,oversharpen,zoom,shards,crystals,fringe,scanlines,patch_copy,colour_shift,jpeg_blocks
first=$first,foreign_patch,row_jitter,fill_in,salt_and_pepper
make() {
    name=$1
    shift
    [ -f "$folder/$name/feedback.tfrecord" ] || "$rahf" synthesize --out "$folder/$name" --size "$size" "$@"
}
make train --kinds "$first" --count 16000 --seed 1 --scenes 0.25 --photographs photographs/train
make train-photographs --kinds "$first" --count 18000 --seed 8 --scenes 0 --photographs photographs/train
make train-kinds --count 30000 --seed 11 --scenes 0 --photographs photographs/train
make train-scenes --kinds "$first" --count 30000 --seed 6 --scenes 1 --photographs photographs/train
make validation --kinds "$first" --count 700 --seed 2 --scenes 0.4 --photographs photographs/validation
make test-world --kinds "$first" --count 1000 --seed 3 --scenes 0.7 --photographs photographs/train
make test-photographs --count 480 --seed 4 --scenes 0 --kinds test --second-place 0 --photographs photographs/test
make test-seen-kinds --kinds "$first" --count 460 --seed 5 --scenes 0 --second-place 0 --photographs photographs/test
du -sh "$folder"/*
