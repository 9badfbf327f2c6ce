#!/bin/sh
# The peer of `make bench SUITE=decode`: ffmpeg's command line, two at a time, one thread each.
#
#   decode_ffmpeg.sh FOLDER OUT
#
# Writes OUT/<video's path below FOLDER>.grey, u8 [T, 224, 288], for every video of FOLDER; prints
# frames and seconds.
set -eu
folder=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$folder"
find . -type d -exec mkdir -p "$out/{}" \;
start=$(date +%s.%N)
find . -type f \( -iname '*.mp4' -o -iname '*.mov' -o -iname '*.mpeg' -o -iname '*.mpg' \
  -o -iname '*.avi' -o -iname '*.mkv' \) -print0 \
  | sort -z \
  | xargs -0 -P 2 -I {} ffmpeg -nostdin -y -v error -threads 1 -i {} \
    -vf scale=288:224:flags=bicubic,format=gray -vsync passthrough -f rawvideo "$out/{}.grey" \
    2>&1 | grep -v 'vsync is deprecated' >&2 || true
end=$(date +%s.%N)
bytes=$(find "$out" -name '*.grey' -printf '%s\n' | awk '{ sum += $1 } END { printf "%d", sum }')
echo "$((bytes / 64512)) $(echo "$end $start" | awk '{ printf "%.3f", $1 - $2 }')"
