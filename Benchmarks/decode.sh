#!/bin/sh
# Frames per second of decoding a folder of clips to grey [224, 288], beside ffmpeg.
#
#   decode.sh FOLDER [PAIRS]
#
# Runs ours and the peer in turn, five pairs of them, each from nothing and each writing its
# frames; prints one line with the medians. Then compares every pixel of every file: fails where
# one differs by more than one grey level or a file has another number of frames.
# Ours is `fathom run` where the command is built, else workers as the command starts them; set
# FATHOM_BENCH=worker to measure workers alone.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
binaries=${FATHOM_BINARIES:-$here/../.build/release}
folder=$(cd "$1" && pwd)
pairs=${2:-5}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fathom-decode-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

videos() {
  (cd "$folder" && find . -type f \( -iname '*.mp4' -o -iname '*.mov' -o -iname '*.mpeg' \
    -o -iname '*.mpg' -o -iname '*.avi' -o -iname '*.mkv' \) -printf '%P\n' | LC_ALL=C sort)
}

# A job of the videos on standard input, in the folder named.
job() {
  mkdir -p "$1"
  items=$(sed -e 's/[\\"]/\\&/g' -e "s|.*|{\"id\":\"&\",\"inputs\":{\"video\":\"$folder/&\"}}|" \
    | paste -sd, -)
  printf '{"schemaVersion":1,"kind":"decode","version":1,"options":{},"inputs":{},' > "$1/job.json"
  printf '"items":[%s],"folder":"%s","checkpointFolder":"%s","cpus":1}' "$items" "$1" "$1" \
    >> "$1/job.json"
}

ours_by_workers() {
  videos | split -l 6 - "$1/part."
  for part in "$1"/part.*; do job "$1/job${part##*.}" < "$part"; done
  find "$1" -name job.json -print0 | sort -z | xargs -0 -P 2 -n 1 "$binaries/fathom-worker" run
}

ours_by_command() {
  cat > "$1/decode.yaml" <<'YAML'
pipeline: decode_bench
params: { clips: clips }
stages:
  clips: { uses: import, with: { path: "${params.clips}" } }
  decode: { uses: decode, each: video, in: { video: clips.videos }, with: { size: [224, 288] } }
YAML
  "$binaries/fathom" run decode.yaml -S "clips=$folder" --cd "$1" -j 2 -q
}

# Prints the seconds that one run of ours takes.
ours() {
  mkdir "$scratch/ours"
  start=$(date +%s.%N)
  if [ "${FATHOM_BENCH:-}" != worker ] && [ -x "$binaries/fathom" ]; then
    ours_by_command "$scratch/ours" >&2
  else
    ours_by_workers "$scratch/ours" >&2
  fi
  echo "$(date +%s.%N) $start" | awk '{ printf "%.3f\n", $1 - $2 }'
  chmod -R u+w "$scratch/ours"
  rm -rf "$scratch/ours"
}

median() { sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

for _ in $(seq "$pairs"); do
  ours >> "$scratch/ours.s"
  rm -rf "$scratch/peer"
  sh "$here/peers/decode_ffmpeg.sh" "$folder" "$scratch/peer" > "$scratch/peer.line"
  cut -d' ' -f2 "$scratch/peer.line" >> "$scratch/peer.s"
done
frames=$(cut -d' ' -f1 "$scratch/peer.line")
version=$(ffmpeg -version | awk 'NR == 1 { sub(/-.*/, "", $3); print $3 }')
echo "$(median < "$scratch/ours.s") $(median < "$scratch/peer.s")" \
  | awk -v frames="$frames" -v version="$version" '{
      printf "decode/decode_folder ratio %.2f ours %.2f s peer %.2f s ", $2 / $1, $1, $2
      printf "(ffmpeg %s -threads 1, two at a time; %d frames, ours %d frames/s)\n", version, frames, frames / $1
    }'

# Agreement, file by file: the peer's frames of the last pair against those of one worker.
videos | job "$scratch/check"
"$binaries/fathom-worker" run "$scratch/check/job.json"
number=0
videos > "$scratch/videos"
while IFS= read -r video; do
  ours=$scratch/check/out/$number/frames
  peer=$scratch/peer/$video.grey
  number=$((number + 1))
  header=$(($(od -An -t u8 -N 8 "$ours") + 8))
  bytes=$(stat -c %s "$peer")
  count=$((bytes / 64512))
  # What follows the header is count frames of 64512 bytes and count times of 8.
  if [ "$(stat -c %s "$ours")" -ne $((header + count * 64520)) ]; then
    echo "'$video': ffmpeg gives $count frames, ours another number" >&2
    exit 1
  fi
  # cmp prints differing bytes in octal.
  worst=$(cmp -l -i "$header:0" -n "$bytes" "$ours" "$peer" | awk '
    function value(octal) {
      octal = substr("00" octal, length(octal))
      return 64 * substr(octal, 1, 1) + 8 * substr(octal, 2, 1) + substr(octal, 3, 1)
    }
    { d = value($2) - value($3); if (d < 0) d = -d; if (d > worst) worst = d }
    END { print worst + 0 }')
  if [ "$worst" -gt 1 ]; then
    echo "'$video': a pixel differs by $worst grey levels" >&2
    exit 1
  fi
  echo "$worst" >> "$scratch/worst"
done < "$scratch/videos"
echo "all $number files have ffmpeg's number of frames;" \
  "pixels differ by at most $(sort -n "$scratch/worst" | tail -1) grey levels"
