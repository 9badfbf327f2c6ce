#!/bin/sh
# Makes the goldens of VideoTests with ffmpeg 5.1: small clips, and for each the grey frames that
# ffmpeg's own command line decodes and scales it to. Run it in this folder.
set -eu
ff() { ffmpeg -y -v error -bitexact "$@"; }
src="testsrc2=size=64x48:rate=25:duration=0.24"
ff -f lavfi -i $src -c:v libx264 -pix_fmt yuv420p -bf 2 -threads 1 h264.mp4
ff -f lavfi -i $src -c:v mpeg2video -pix_fmt yuv420p -q:v 3 mpeg2.mpeg
ff -f lavfi -i $src -c:v mjpeg -pix_fmt yuvj422p -q:v 3 mjpeg.avi
ff -f lavfi -i $src -c:v ffv1 -pix_fmt bgr0 rgb.mkv
ff -f lavfi -i $src -c:v ffv1 -pix_fmt yuv422p10le ten_bit.mkv
ff -f lavfi -i $src -frames:v 1 -c:v png -pix_fmt pal8 palette.png
ff -f lavfi -i sine=duration=0.2 -c:a aac -b:a 32k audio.mp4
ff -f lavfi -i sine=duration=0.2 -i palette.png -map 0 -map 1 -c:a libmp3lame -b:a 32k \
  -c:v copy -disposition:v attached_pic cover.mp3
grey() { # INPUT FILTER OUTPUT
  ffmpeg -y -v error -threads 1 -i "$1" -vf "$2,format=gray" -fps_mode passthrough -f rawvideo "$3"
}
for clip in h264.mp4 mpeg2.mpeg mjpeg.avi rgb.mkv ten_bit.mkv palette.png; do
  grey $clip scale=40:36:flags=bicubic $clip.bicubic.grey
done
grey h264.mp4 scale=40:36:flags=area h264.mp4.area.grey
grey h264.mp4 crop=33:25:7:5:exact=1,scale=40:36:flags=bicubic h264.mp4.crop.grey
