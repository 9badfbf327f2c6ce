#include "cdcmtk.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcfcache.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dctk.h>

#include <cmath>
#include <cstring>
#include <new>
#include <vector>

struct fathom_dicom {
  DcmFileFormat format;
  DcmPixelSequence *fragments = nullptr;
  DcmElement *native = nullptr;
  DcmFileCache cache;
  fathom_dicom_info info = {};
  std::vector<double> frame_times;
  std::vector<uint64_t> offsets;
  struct Palette {
    std::vector<uint16_t> entries;
    int first = 0, bits = 0;
  } palette[3];
};

namespace {

int integer(DcmItem &item, const DcmTagKey &tag) {
  Uint16 word = 0;
  if (item.findAndGetUint16(tag, word).good()) return word;
  Sint32 number = 0;
  if (item.findAndGetSint32(tag, number).good()) return number;
  return -1;
}

double number(DcmItem &item, const DcmTagKey &tag) {
  Float64 value = 0;
  Sint32 whole = 0;
  if (item.findAndGetFloat64(tag, value).good()) return std::isfinite(value) ? value : 0;
  // To DCMTK an integer string is no float.
  return item.findAndGetSint32(tag, whole).good() ? whole : 0;
}

OFString text(DcmItem &item, const DcmTagKey &tag) {
  OFString value;
  item.findAndGetOFString(tag, value);
  return value;
}

void copy(const OFString &text, char *target, size_t size) {
  const size_t length = text.length() < size ? text.length() : size - 1;
  memcpy(target, text.c_str(), length);
  target[length] = 0;
}

void read_times(fathom_dicom &file, DcmItem &data) {
  auto &info = file.info;
  info.frame_time_ms = number(data, DCM_FrameTime);
  info.cine_rate = number(data, DCM_CineRate);
  if (!(info.cine_rate > 0)) info.cine_rate = number(data, DCM_RecommendedDisplayFrameRate);
  DcmElement *vector = nullptr;
  if (data.findAndGetElement(DCM_FrameTimeVector, vector).good() && vector) {
    const unsigned long count = vector->getVM();
    for (unsigned long index = 0; index < count; index++) {
      Float64 value = 0;
      if (vector->getFloat64(value, index).bad()) value = std::nan("");
      file.frame_times.push_back(value);
    }
  }
  DcmElement *pointer = nullptr;
  if (data.findAndGetElement(DCM_FrameIncrementPointer, pointer).good() && pointer) {
    DcmTagKey key;
    DcmAttributeTag *tag = OFstatic_cast(DcmAttributeTag *, pointer);
    if (pointer->ident() == EVR_AT && tag->getTagVal(key).good())
      info.points_to_vector = key == DCM_FrameTimeVector;
  }
}

// PS3.3, C.8.5.5: format 1 is 2D, data type 1 tissue, unit 3 centimetres.
void read_calibration(fathom_dicom &file, DcmItem &data) {
  double best = 0;
  for (long index = 0;; index++) {
    DcmItem *region = nullptr;
    if (data.findAndGetSequenceItem(DCM_SequenceOfUltrasoundRegions, region, index).bad() ||
        !region)
      return;
    const double x = std::fabs(number(*region, DCM_PhysicalDeltaX));
    const double y = std::fabs(number(*region, DCM_PhysicalDeltaY));
    Uint32 left = 0, top = 0, right = 0, bottom = 0;
    region->findAndGetUint32(DCM_RegionLocationMinX0, left);
    region->findAndGetUint32(DCM_RegionLocationMinY0, top);
    region->findAndGetUint32(DCM_RegionLocationMaxX1, right);
    region->findAndGetUint32(DCM_RegionLocationMaxY1, bottom);
    // Regions that do not say where they are still count.
    const double area = right > left && bottom > top
                            ? (double(right) - left) * (double(bottom) - top)
                            : 1;
    if (integer(*region, DCM_RegionSpatialFormat) != 1 ||
        integer(*region, DCM_RegionDataType) != 1 ||
        integer(*region, DCM_PhysicalUnitsXDirection) != 3 ||
        integer(*region, DCM_PhysicalUnitsYDirection) != 3 || !(x > 0) || !(y > 0) ||
        !(area > best))
      continue;
    best = area;
    file.info.delta_x_cm = x;
    file.info.delta_y_cm = y;
  }
}

void read_palette(fathom_dicom &file, DcmItem &data) {
  const DcmTagKey descriptors[] = {DCM_RedPaletteColorLookupTableDescriptor,
                                   DCM_GreenPaletteColorLookupTableDescriptor,
                                   DCM_BluePaletteColorLookupTableDescriptor};
  const DcmTagKey tables[] = {DCM_RedPaletteColorLookupTableData,
                              DCM_GreenPaletteColorLookupTableData,
                              DCM_BluePaletteColorLookupTableData};
  for (int colour = 0; colour < 3; colour++) {
    auto &palette = file.palette[colour];
    Uint16 first = 0, bits = 0;
    const Uint16 *words = nullptr;
    unsigned long count = 0;
    if (data.findAndGetUint16(descriptors[colour], first, 1).bad() ||
        data.findAndGetUint16(descriptors[colour], bits, 2).bad() ||
        data.findAndGetUint16Array(tables[colour], words, &count).bad() || !words)
      continue;
    palette.first = first;
    palette.bits = bits;
    palette.entries.assign(words, words + count);
    Uint16 size = 0;
    data.findAndGetUint16(descriptors[colour], size, 0);
    if (bits == 8 && size > count && size <= 2 * count) {
      // Entries of 8 bits may lie two in a word, the first one low (PS3.3, C.7.6.3.1.6).
      palette.entries.clear();
      for (unsigned long at = 0; at < size; at++)
        palette.entries.push_back(at % 2 ? words[at / 2] >> 8 : words[at / 2] & 0xFF);
    }
  }
}

// PS3.5, A.4: the extended table where there is one, else the basic table, the first fragment.
void read_offsets(fathom_dicom &file, DcmItem &data) {
  const Uint8 *bytes = nullptr;
  unsigned long count = 0;
  DcmElement *extended = nullptr;
  Uint64 offset = 0;
  if (data.findAndGetElement(DCM_ExtendedOffsetTable, extended).good() && extended) {
    for (unsigned long at = 0; extended->getUint64(offset, at).good(); at++)
      file.offsets.push_back(offset);
    if (!file.offsets.empty()) return;
  }
  DcmPixelItem *table = nullptr;
  Uint8 *first = nullptr;
  if (file.fragments->getItem(table, 0).bad() || !table || table->getLength() % 4 != 0 ||
      table->getUint8Array(first).bad() || !first)
    return;
  bytes = first;
  count = table->getLength() / 4;
  for (unsigned long at = 0; at < count; at++) {
    const Uint8 *word = bytes + 4 * at;
    file.offsets.push_back(uint64_t(word[0]) | uint64_t(word[1]) << 8 | uint64_t(word[2]) << 16 |
                           uint64_t(word[3]) << 24);
  }
}

fathom_dicom_status find_pixels(fathom_dicom &file, DcmDataset &data) {
  DcmElement *element = nullptr;
  if (data.findAndGetElement(DCM_PixelData, element).bad() || !element)
    return FATHOM_DICOM_NO_PIXELS;
  const DcmXfer syntax(data.getOriginalXfer());
  if (!syntax.isEncapsulated()) {
    file.native = element;
    file.info.native_bytes = element->getLength();
    return file.info.native_bytes > 0 ? FATHOM_DICOM_OK : FATHOM_DICOM_NO_PIXELS;
  }
  if (element->ident() != EVR_PixelData && element->ident() != EVR_OB &&
      element->ident() != EVR_OW)
    return FATHOM_DICOM_UNREADABLE;
  DcmPixelData *pixels = OFstatic_cast(DcmPixelData *, element);
  if (pixels->getEncapsulatedRepresentation(data.getOriginalXfer(), nullptr, file.fragments)
          .bad() ||
      !file.fragments)
    return FATHOM_DICOM_NO_PIXELS;
  const unsigned long items = file.fragments->card();
  if (items < 2) return FATHOM_DICOM_NO_PIXELS;
  file.info.is_encapsulated = 1;
  file.info.fragments = items - 1;
  read_offsets(file, data);
  return FATHOM_DICOM_OK;
}

void describe(fathom_dicom &file, DcmDataset &data) {
  auto &info = file.info;
  OFString syntax;
  if (file.format.getMetaInfo()->findAndGetOFString(DCM_TransferSyntaxUID, syntax).bad())
    syntax = DcmXfer(data.getOriginalXfer()).getXferID();
  copy(syntax, info.transfer_syntax, sizeof info.transfer_syntax);
  copy(text(data, DCM_PhotometricInterpretation), info.photometric, sizeof info.photometric);
  info.rows = integer(data, DCM_Rows);
  info.columns = integer(data, DCM_Columns);
  info.frames = integer(data, DCM_NumberOfFrames);
  info.samples = integer(data, DCM_SamplesPerPixel);
  info.planar = integer(data, DCM_PlanarConfiguration);
  info.bits_allocated = integer(data, DCM_BitsAllocated);
  info.bits_stored = integer(data, DCM_BitsStored);
  info.high_bit = integer(data, DCM_HighBit);
  info.is_signed = integer(data, DCM_PixelRepresentation);
  const OFString burnt = text(data, DCM_BurnedInAnnotation);
  info.burnt_in = burnt == "YES" ? 1 : burnt == "NO" ? 0 : -1;
  read_times(file, data);
  read_calibration(file, data);
  read_palette(file, data);
}

// What DCMTK says when data end early, wherever in the file that is.
bool is_truncation(const OFCondition &condition) {
  return condition == EC_StreamNotifyClient || condition == EC_EndOfStream ||
         condition == EC_InvalidStream;
}

}  // namespace

extern "C" fathom_dicom_status fathom_dicom_open(
    const char *path, fathom_dicom **result, char *error, size_t error_size) {
  *result = nullptr;
  // Its log names elements; it belongs on nobody's standard error stream.
  OFLog::configure(OFLogger::OFF_LOG_LEVEL);
  fathom_dicom *file = new (std::nothrow) fathom_dicom;
  if (!file) return FATHOM_DICOM_NO_MEMORY;
  try {
    const OFCondition loaded = file->format.loadFile(
        path, EXS_Unknown, EGL_noChange, DCM_MaxReadLength, ERM_fileOnly);
    fathom_dicom_status status = FATHOM_DICOM_OK;
    OFString syntax;
    file->format.getMetaInfo()->findAndGetOFString(DCM_TransferSyntaxUID, syntax);
    if (!syntax.empty() && DcmXfer(syntax.c_str()).getXfer() == EXS_Unknown) {
      copy(syntax, error, error_size);
      status = FATHOM_DICOM_UNKNOWN_SYNTAX;
    } else if (loaded.bad()) {
      copy(loaded.text(), error, error_size);
      status = is_truncation(loaded) ? FATHOM_DICOM_TRUNCATED : FATHOM_DICOM_UNREADABLE;
    } else {
      describe(*file, *file->format.getDataset());
      status = find_pixels(*file, *file->format.getDataset());
    }
    if (status == FATHOM_DICOM_OK) {
      *result = file;
    } else {
      delete file;
    }
    return status;
  } catch (const std::bad_alloc &) {
    delete file;
    return FATHOM_DICOM_NO_MEMORY;
  }
}

extern "C" void fathom_dicom_close(fathom_dicom *file) { delete file; }

extern "C" const fathom_dicom_info *fathom_dicom_describe(const fathom_dicom *file) {
  return &file->info;
}

extern "C" const double *fathom_dicom_frame_times(const fathom_dicom *file, size_t *count) {
  *count = file->frame_times.size();
  return file->frame_times.data();
}

extern "C" const uint64_t *fathom_dicom_offsets(const fathom_dicom *file, size_t *count) {
  *count = file->offsets.size();
  return file->offsets.data();
}

extern "C" const uint16_t *fathom_dicom_palette(
    const fathom_dicom *file, int colour, size_t *count, int *first, int *bits) {
  const auto &palette = file->palette[colour];
  *count = palette.entries.size();
  *first = palette.first;
  *bits = palette.bits;
  return palette.entries.data();
}

extern "C" size_t fathom_dicom_fragment_size(const fathom_dicom *file, size_t index) {
  DcmPixelItem *item = nullptr;
  if (file->fragments->getItem(item, index + 1).bad() || !item) return 0;
  return item->getLength();
}

extern "C" fathom_dicom_status fathom_dicom_read_fragment(
    fathom_dicom *file, size_t index, uint8_t *target) {
  DcmPixelItem *item = nullptr;
  if (file->fragments->getItem(item, index + 1).bad() || !item) return FATHOM_DICOM_UNREADABLE;
  const Uint32 length = item->getLength();
  if (length == 0) return FATHOM_DICOM_OK;
  const OFCondition read =
      item->getPartialValue(target, 0, length, &file->cache, EBO_LittleEndian);
  return read.good() ? FATHOM_DICOM_OK : FATHOM_DICOM_TRUNCATED;
}

extern "C" fathom_dicom_status fathom_dicom_read_native(
    fathom_dicom *file, uint64_t offset, size_t count, uint8_t *target) {
  // DCMTK counts offsets within an element in 32 bits, as DICOM does lengths.
  if (offset + count > 0xFFFFFFFFu) return FATHOM_DICOM_UNREADABLE;
  const OFCondition read = file->native->getPartialValue(
      target, Uint32(offset), Uint32(count), &file->cache, EBO_LittleEndian);
  return read.good() ? FATHOM_DICOM_OK : FATHOM_DICOM_TRUNCATED;
}
