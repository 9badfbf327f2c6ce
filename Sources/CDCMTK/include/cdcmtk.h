// DICOM files through DCMTK: the data set's elements that say how to read its pixels, and the pixel
// data's bytes as they lie in the file. Nothing is decompressed, and no other element is read.
#ifndef FATHOM_CDCMTK_H
#define FATHOM_CDCMTK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fathom_dicom fathom_dicom;

typedef enum {
  FATHOM_DICOM_OK = 0,
  FATHOM_DICOM_UNREADABLE,    // no DICOM file, or one that DCMTK cannot parse
  FATHOM_DICOM_NO_PIXELS,     // a data set without pixel data
  FATHOM_DICOM_TRUNCATED,     // the file ends before its pixel data does
  FATHOM_DICOM_UNKNOWN_SYNTAX,  // `error` is its UID
  FATHOM_DICOM_NO_MEMORY,
} fathom_dicom_status;

// Integers are -1 and texts empty where the element is absent or no number.
typedef struct {
  char transfer_syntax[66];  // UID
  char photometric[18];      // (0028,0004)
  int rows, columns, frames, samples, planar, bits_allocated, bits_stored, high_bit, is_signed;
  int burnt_in;              // (0028,0301): 1 YES, 0 NO
  int points_to_vector;      // (0028,0009) names FrameTimeVector: 1
  double frame_time_ms;      // (0018,1063)
  double cine_rate;          // (0018,0040), else (0008,2144); frames per second
  // Centimetres per pixel of the largest region of 2D tissue; 0 where there is none.
  double delta_x_cm, delta_y_cm;
  int is_encapsulated;
  size_t fragments;          // of encapsulated data, without the offset table
  uint64_t native_bytes;     // of pixel data that is not encapsulated
} fathom_dicom_info;

// Opens a file of the DICOM file format (with preamble); pixel data stay on disk.
// `error` receives DCMTK's words, which hold no values of elements.
fathom_dicom_status fathom_dicom_open(
    const char *path, fathom_dicom **file, char *error, size_t error_size);
void fathom_dicom_close(fathom_dicom *file);
const fathom_dicom_info *fathom_dicom_describe(const fathom_dicom *file);

// (0018,1065) in milliseconds; the count is 0 where it is absent.
const double *fathom_dicom_frame_times(const fathom_dicom *file, size_t *count);
// Offsets of frames from the first fragment's item tag: the extended table, else the basic one.
const uint64_t *fathom_dicom_offsets(const fathom_dicom *file, size_t *count);
// Entries of a palette's red, green or blue table (0 to 2), each `count` words; `first` is the pixel
// value of the first entry, `bits` 8 or 16.
const uint16_t *fathom_dicom_palette(
    const fathom_dicom *file, int colour, size_t *count, int *first, int *bits);

size_t fathom_dicom_fragment_size(const fathom_dicom *file, size_t index);
fathom_dicom_status fathom_dicom_read_fragment(fathom_dicom *file, size_t index, uint8_t *target);
// Native bytes in the order of the samples, whatever the file's byte order.
fathom_dicom_status fathom_dicom_read_native(
    fathom_dicom *file, uint64_t offset, size_t count, uint8_t *target);

#ifdef __cplusplus
}
#endif
#endif
