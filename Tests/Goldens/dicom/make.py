"""Makes the goldens of DICOMTests: small cines, and the grey frames that pydicom reads in them.

    pip install pydicom==3.0.2 numpy pillow pylibjpeg pylibjpeg-openjpeg pyjpegls
    python make.py    # in this folder; Debian's dcmtk 3.6.7 codes the lossless JPEG

Every file names a patient, NAME below, in its data set; jpeg.dcm does in its JPEG streams too.
"""
import io
import subprocess

import numpy as np
from jpeg_ls import encode_array
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.pixels import pixel_array
from pydicom.sequence import Sequence
from pydicom import uid

NAME = "Testperson^Gwendolyn"
ID = "PID-4711-0815"


def scene(frames, height, width, samples=1):
    """Smooth moving bands: codecs carry them well."""
    t, y, x = np.meshgrid(np.arange(frames), np.arange(height), np.arange(width), indexing="ij")
    planes = [
        127.5 + 110 * np.sin(2 * np.pi * (x / width * (c + 1) + y / height + t / 8 + c / 3))
        for c in range(samples)
    ]
    picture = np.stack(planes, -1).round().astype(np.uint8)
    return picture[..., 0] if samples == 1 else picture


def region(fmt, kind, unit, dx, dy, box):
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = fmt, kind, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = box[:2]
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = box[2:]
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = unit
    item.PhysicalDeltaX, item.PhysicalDeltaY = dx, dy
    return item


def cine(syntax, frames, height, width, photometric, samples):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = uid.UltrasoundMultiFrameImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4.5.6.7"
    meta.TransferSyntaxUID = syntax
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.3.4.5.6.7"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = NAME, ID, "19570404"
    ds.InstitutionName, ds.Modality = "Hospital of Nowhere", "US"
    ds.StudyDate, ds.AccessionNumber = "20190203", "ACC-99-77"
    ds.Rows, ds.Columns, ds.NumberOfFrames = height, width, frames
    ds.SamplesPerPixel, ds.PhotometricInterpretation = samples, photometric
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    if samples > 1:
        ds.PlanarConfiguration = 0
    return ds


def save(ds, name):
    syntax = ds.file_meta.TransferSyntaxUID
    if syntax.is_compressed:
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
    ds.save_as(name + ".dcm", enforce_file_format=True)


def grey(ds, name):
    """The grey levels that the pixels mean: Y of BT.601."""
    pixels = pixel_array(ds, raw=True).reshape(
        int(ds.NumberOfFrames), ds.Rows, ds.Columns, -1).astype(int)
    kind = ds.PhotometricInterpretation
    if kind == "MONOCHROME1":
        level = 255 - pixels[..., 0]
    elif kind == "PALETTE COLOR":
        table = [np.frombuffer(bytes(ds[f"{c}PaletteColorLookupTableData"].value), "<u2") >> 8
                 for c in ("Red", "Green", "Blue")]
        first = ds.RedPaletteColorLookupTableDescriptor[1]
        at = np.clip(pixels[..., 0] - first, 0, len(table[0]) - 1)
        level = luma(*[t.astype(int)[at] for t in table])
    elif kind in ("RGB", "YBR_RCT", "YBR_ICT"):
        level = luma(pixels[..., 0], pixels[..., 1], pixels[..., 2])
    else:
        level = pixels[..., 0]
    level.astype(np.uint8).tofile(name + ".grey")


def luma(r, g, b):
    return (299 * r + 587 * g + 114 * b + 500) // 1000


def jpeg(picture, comment=None, **options):
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=90, comment=comment, **options)
    return data.getvalue()


def native():
    ds = cine(uid.ExplicitVRLittleEndian, 6, 30, 41, "MONOCHROME2", 1)
    ds.FrameTime, ds.FrameIncrementPointer = 40, 0x00181063
    ds.SequenceOfUltrasoundRegions = Sequence([
        region(1, 1, 3, 0.05, 0.04, (0, 0, 10, 10)),     # smaller than the next
        region(1, 1, 3, 0.0123, -0.0456, (0, 0, 40, 29)),
        region(1, 2, 3, 0.07, 0.07, (0, 0, 40, 29)),     # colour flow
        region(3, 1, 4, 0.09, 0.09, (0, 0, 40, 29)),     # a trace over time
    ])
    ds.BurnedInAnnotation = "YES"
    ds.PixelData = scene(6, 30, 41).tobytes()
    return ds


ds = native()
save(ds, "grey"), grey(ds, "grey")

# Bad ones: cut in the pixel data, without pixels, fewer pixels than announced, syntaxes not read.
whole = open("grey.dcm", "rb").read()
open("truncated.dcm", "wb").write(whole[:-3000])
del ds.PixelData
save(ds, "no_pixels")
ds = native()
ds.NumberOfFrames = 60
save(ds, "too_few")
for syntax, name in ((uid.MPEG4HP41, "mpeg4"), (uid.UID("1.2.826.0.1.3680043.9.9999.1"), "private")):
    ds = native()
    ds.file_meta.TransferSyntaxUID = syntax
    if name == "mpeg4":
        ds.PixelData = encapsulate([b"\0\0\1\xb3 not really"])
        save(ds, name)
    else:
        ds.save_as(name + ".dcm", enforce_file_format=True, implicit_vr=False, little_endian=True)
ds = cine(uid.ExplicitVRLittleEndian, 2, 16, 16, "MONOCHROME2", 1)
ds.BitsAllocated = ds.BitsStored = 16
ds.HighBit = 15
ds.PixelData = scene(2, 16, 16).astype("<u2").tobytes()
save(ds, "sixteen")

# JPEG, each frame in two fragments with a table of offsets, at times of its own, and a comment.
ds = cine(uid.JPEGBaseline8Bit, 4, 48, 64, "YBR_FULL_422", 3)
ds.FrameTimeVector, ds.FrameIncrementPointer = [0, 30, 50, 40], 0x00181065
ds.FrameTime = 11
streams = [jpeg(f, NAME.encode(), subsampling="4:2:2") for f in scene(4, 48, 64, 3)]
ds.PixelData = encapsulate(streams, fragments_per_frame=2, has_bot=True)
save(ds, "jpeg"), grey(ds, "jpeg")
# The same without the table.
ds.PixelData = encapsulate(streams, fragments_per_frame=2, has_bot=False)
save(ds, "jpeg_no_table")
# Cut within the last frame's fragment, and within its JPEG stream.
whole = open("jpeg.dcm", "rb").read()
open("jpeg_truncated.dcm", "wb").write(whole[:-600])
ds.NumberOfFrames = 4
ds.PixelData = encapsulate(streams[:3] + [streams[3][:-400]])
save(ds, "jpeg_cut_stream")

# JPEG of red, green and blue, of which nothing but the data set says so.
ds = cine(uid.JPEGBaseline8Bit, 2, 48, 64, "RGB", 3)
ds.CineRate = 20
streams = []
for frame in scene(2, 48, 64, 3):
    stream = bytearray(jpeg(frame, keep_rgb=True, subsampling="4:4:4"))
    at = stream.index(b"\xff\xee\x00\x0eAdobe")
    del stream[at:at + 16]
    for marker, start, step in ((b"\xff\xc0", 10, 3), (b"\xff\xda", 5, 2)):
        at = stream.index(marker) + start
        for component in range(3):
            stream[at + component * step] = component + 1
    streams.append(bytes(stream))
ds.PixelData = encapsulate(streams)
save(ds, "jpeg_rgb")
# Pillow would take these components for Y, Cb and Cr as well; only told otherwise are they RGB.
adobe = b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0\0"
told = [np.asarray(Image.open(io.BytesIO(s[:2] + adobe + s[2:]))).astype(int) for s in streams]
level = np.stack([luma(f[..., 0], f[..., 1], f[..., 2]) for f in told])
level.astype(np.uint8).tofile("jpeg_rgb.grey")

ds = cine(uid.JPEGBaseline8Bit, 2, 48, 64, "MONOCHROME1", 1)
ds.PixelData = encapsulate([jpeg(f) for f in scene(2, 48, 64)])
save(ds, "jpeg_inverse"), grey(ds, "jpeg_inverse")

ds = cine(uid.ExplicitVRLittleEndian, 3, 30, 41, "RGB", 3)
ds.FrameTime = 25
ds.PixelData = scene(3, 30, 41, 3).tobytes()
ds.compress(uid.RLELossless, generate_instance_uid=False)
save(ds, "rle"), grey(ds, "rle")

ds = cine(uid.ExplicitVRLittleEndian, 2, 30, 41, "RGB", 3)
ds.PlanarConfiguration = 1
ds.PixelData = scene(2, 30, 41, 3).transpose(0, 3, 1, 2).tobytes()
save(ds, "planar"), grey(ds, "planar")

ds = cine(uid.ExplicitVRBigEndian, 3, 31, 41, "MONOCHROME2", 1)
scene(3, 31, 41).tofile("big_endian.grey")
words = np.frombuffer(scene(3, 31, 41).tobytes() + b"\0", "<u2")
ds.PixelData = words.byteswap().tobytes()
ds["PixelData"].VR = "OW"
dcmwrite("big_endian.dcm", ds, force_encoding=True, implicit_vr=False, little_endian=False)

ds = cine(uid.ImplicitVRLittleEndian, 2, 30, 42, "YBR_FULL_422", 3)
ybr = scene(2, 30, 42, 3).reshape(2, 30, 21, 2, 3)
packed = np.stack(
    [ybr[..., 0, 0], ybr[..., 1, 0], ybr[..., 0, 1], ybr[..., 0, 2]], -1)
ds.PixelData = packed.tobytes()
save(ds, "shared_chroma"), grey(ds, "shared_chroma")

ds = cine(uid.DeflatedExplicitVRLittleEndian, 2, 30, 41, "PALETTE COLOR", 1)
rng = np.random.default_rng(5)
for colour in ("Red", "Green", "Blue"):
    setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [200, 20, 16])
    table = np.sort(rng.integers(0, 256, 200)) * 257
    setattr(ds, f"{colour}PaletteColorLookupTableData", table.astype("<u2").tobytes())
ds.PixelData = scene(2, 30, 41).tobytes()
save(ds, "palette"), grey(ds, "palette")

ds = cine(uid.ExplicitVRLittleEndian, 2, 40, 45, "RGB", 3)
ds.PixelData = scene(2, 40, 45, 3).tobytes()
ds.compress(uid.JPEG2000Lossless, generate_instance_uid=False)
save(ds, "jpeg2000"), grey(ds, "jpeg2000")

ds = cine(uid.ExplicitVRLittleEndian, 2, 30, 41, "MONOCHROME2", 1)
ds.PixelData = scene(2, 30, 41).tobytes()
ds.compress(uid.JPEGLSLossless, generate_instance_uid=False)
save(ds, "jpeg_ls"), grey(ds, "jpeg_ls")

ds = cine(uid.JPEGLSLossless, 2, 30, 41, "RGB", 3)
frames = scene(2, 30, 41, 3)
for mode, name in ((1, "jpeg_ls_lines"), (2, "jpeg_ls_samples")):
    ds.PixelData = encapsulate([bytes(encode_array(f, interleave_mode=mode)) for f in frames])
    save(ds, name)
luma(*frames.astype(int).transpose(3, 0, 1, 2)).astype(np.uint8).tofile("jpeg_ls_lines.grey")

ds = cine(uid.ExplicitVRLittleEndian, 2, 32, 40, "RGB", 3)
ds.PixelData = scene(2, 32, 40, 3).tobytes()
save(ds, "jpeg_lossless"), grey(ds, "jpeg_lossless")
# DCMTK's own coder: lossless, process 14, first-order prediction.
subprocess.run(["dcmcjpeg", "+e1", "+un", "jpeg_lossless.dcm", "jpeg_lossless.dcm"], check=True)
