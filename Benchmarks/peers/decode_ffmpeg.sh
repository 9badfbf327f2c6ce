#!/bin/bash
# The peer of `make bench SUITE=decode`: ffmpeg's command line, two at a time, one thread each.
#
#   decode_ffmpeg.sh FOLDER OUT
#
# Writes OUT/<video's path below FOLDER>.grey, u8 [T, 224, 288], for every video of FOLDER; prints
# frames and seconds.
set -eu -o pipefail
folder=$(cd "$1" && pwd -P)
mkdir -p "$2"
out=$(cd "$2" && pwd -P)
cd "$folder"
find . -type d -exec mkdir -p "$out/{}" \;
start=$EPOCHREALTIME
find . \( -type f -o -type l \) \( -name '*.mp4' -o -name '*.mov' -o -name '*.mpeg' \
  -o -name '*.mpg' -o -name '*.avi' -o -name '*.mkv' \) -print0 \
  | sort -z \
  | xargs -0 -P 2 -I {} ffmpeg -nostdin -y -v error -threads 1 -i {} \
    -vf scale=288:224:flags=bicubic,format=gray -vsync passthrough -f rawvideo "$out/{}.grey" \
    2> >(grep -v 'vsync is deprecated' >&2)
end=$EPOCHREALTIME
bytes=$(find "$out" -name '*.grey' -printf '%s\n' | awk '{ sum += $1 } END { printf "%d", sum }')
echo "$((bytes / 64512)) $(awk -v end="$end" -v start="$start" 'BEGIN { print end - start }')"
