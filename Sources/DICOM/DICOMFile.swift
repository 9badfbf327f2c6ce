internal import CDCMTK

/// A DICOM file's pixel data, and the elements that say how to read them.
///
/// Nothing else of the data set is looked at. Pixel data are read frame by frame.
/// Source: DICOM PS3.3 and PS3.5.
public final class DICOMFile {
  public let path: String
  let syntax: TransferSyntax
  public let frames: Int
  public let height: Int
  public let width: Int
  public let format: PixelFormat
  /// When each frame begins and how long it lasts.
  public let timing: FrameTiming
  /// How high and wide a pixel of the largest region of 2D tissue is, [y, x]; `nil` without one.
  public let millimetresPerPixel: [Double]?
  /// Whether the file says that text is burnt into its pixels; `nil` where it does not say.
  public let hasBurntInText: Bool?

  private let handle: Handle
  private let isEncapsulated: Bool
  private let fragmentSizes: [Int]
  private let fragmentsOfFrame: [Range<Int>]

  /// Opens a file and checks that its pixel data can hold its frames.
  ///
  /// - Throws: `DICOMError` of any code but `outOfMemory` for what the file is
  public init(path: String) throws(DICOMError) {
    self.path = path
    handle = try Handle(path: path)
    let handle = handle.pointer
    let info = fathom_dicom_describe(handle).pointee
    let uid = DICOMFile.text(info.transfer_syntax)
    guard let syntax = TransferSyntax(rawValue: uid) else {
      throw .unsupportedSyntax(uid, path: path)
    }
    self.syntax = syntax
    (height, width) = (Int(info.rows), Int(info.columns))
    frames = info.frames == -1 ? 1 : Int(info.frames)
    guard (1...16384).contains(height), (1...16384).contains(width), frames >= 1 else {
      throw DICOMError(
        code: .corrupt, path: path,
        message: "announces \(frames) frames of \(height)x\(width) pixels; "
          + "expected at least one, of 1 to 16384 a side")
    }
    format = try PixelFormat(info, palette: DICOMFile.palette(handle), path: path)
    millimetresPerPixel =
      info.delta_x_cm > 0 && info.delta_y_cm > 0
      ? [10 * info.delta_y_cm, 10 * info.delta_x_cm] : nil
    hasBurntInText = info.burnt_in < 0 ? nil : info.burnt_in == 1
    isEncapsulated = info.is_encapsulated == 1
    if isEncapsulated {
      fragmentSizes = (0..<info.fragments).map { fathom_dicom_fragment_size(handle, $0) }
      fragmentsOfFrame = try DICOMFile.join(
        fragmentSizes, frames: frames, handle: handle, path: path)
    } else {
      (fragmentSizes, fragmentsOfFrame) = ([], [])
      let needed = frames * format.frameBytes(height: height, width: width)
      guard info.native_bytes >= needed else {
        throw DICOMError(
          code: .truncated, path: path,
          message: "its pixel data have \(info.native_bytes) bytes; \(frames) frames of "
            + "\(height)x\(width) pixels need \(needed)")
      }
    }
    // Only now is it known that there are as many frames as the file announces.
    timing = FrameTiming(info, vector: DICOMFile.frameTimes(handle), frames: frames)
  }

  /// The bytes of a frame as the file holds them: a compressed stream, or native samples.
  public func frame(_ number: Int) throws(DICOMError) -> [UInt8] {
    precondition((0..<frames).contains(number), "no frame \(number)")
    guard isEncapsulated else {
      let size = format.frameBytes(height: height, width: width)
      var bytes = [UInt8](repeating: 0, count: size)
      let offset = UInt64(number) * UInt64(size)
      try check(fathom_dicom_read_native(handle.pointer, offset, size, &bytes), frame: number)
      return bytes
    }
    let fragments = fragmentsOfFrame[number]
    var bytes = [UInt8](repeating: 0, count: fragmentSizes[fragments].reduce(0, +))
    var start = 0
    for fragment in fragments {
      let status = bytes.withUnsafeMutableBufferPointer { bytes in
        bytes.baseAddress.map { fathom_dicom_read_fragment(handle.pointer, fragment, $0 + start) }
          ?? FATHOM_DICOM_OK
      }
      try check(status, frame: number)
      start += fragmentSizes[fragment]
    }
    return bytes
  }

  private func check(_ status: fathom_dicom_status, frame: Int) throws(DICOMError) {
    guard status != FATHOM_DICOM_OK else { return }
    throw DICOMError(
      code: .truncated, path: path, frame: frame,
      message: "the file ends before the frame does; it announces \(frames) frames")
  }

  // MARK: Opening

  private static func join(
    _ sizes: [Int], frames: Int, handle: OpaquePointer, path: String
  ) throws(DICOMError) -> [Range<Int>] {
    var count = 0
    let table = fathom_dicom_offsets(handle, &count)
    let offsets = table.map { Array(UnsafeBufferPointer(start: $0, count: count)) } ?? []
    let joined = framesOfFragments(sizes, offsets: offsets, frames: frames) { fragment in
      var bytes = [UInt8](repeating: 0, count: max(sizes[fragment], 1))
      guard fathom_dicom_read_fragment(handle, fragment, &bytes) == FATHOM_DICOM_OK else {
        return false
      }
      return startsStream(bytes)
    }
    guard let joined else {
      throw DICOMError(
        code: .truncated, path: path,
        message: "its pixel data have \(sizes.count) fragments, which do not make up the "
          + "\(frames) frames that it announces")
    }
    return joined
  }

  private static func frameTimes(_ handle: OpaquePointer) -> [Double] {
    var count = 0
    let times = fathom_dicom_frame_times(handle, &count)
    return times.map { Array(UnsafeBufferPointer(start: $0, count: count)) } ?? []
  }

  private static func palette(_ handle: OpaquePointer) -> [Palette] {
    (0..<3).compactMap { colour in
      var (count, first, bits) = (0, Int32(0), Int32(0))
      let entries = fathom_dicom_palette(handle, Int32(colour), &count, &first, &bits)
      guard count > 0, let entries else { return nil }
      return Palette(
        first: Int(first), bits: Int(bits),
        entries: Array(UnsafeBufferPointer(start: entries, count: count)))
    }
  }

  /// The text of an array of C characters.
  static func text<Characters>(_ characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

extension DICOMError {
  static func unsupportedSyntax(_ uid: String, path: String) -> DICOMError {
    DICOMError(
      code: .unsupported, path: path,
      message: "its transfer syntax \(uid) is not read; expected uncompressed pixels, JPEG, "
        + "JPEG-LS, JPEG 2000 or RLE. Export it as one of these, or as a video file")
  }
}

/// Owns a file that DCMTK has opened, and closes it exactly once.
private final class Handle {
  let pointer: OpaquePointer

  init(path: String) throws(DICOMError) {
    var handle: OpaquePointer?
    var words = [CChar](repeating: 0, count: 256)
    let status = fathom_dicom_open(path, &handle, &words, words.count)
    if status == FATHOM_DICOM_OK, let handle {
      pointer = handle
      return
    }
    let reason = String(decoding: words.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
    switch status {
    case FATHOM_DICOM_NO_PIXELS:
      throw DICOMError(
        code: .noPixels, path: path, message: "is a DICOM file without pixels; expected a cine")
    case FATHOM_DICOM_TRUNCATED:
      throw DICOMError(
        code: .truncated, path: path,
        message: "the file ends before its data set does (DCMTK: \(reason))")
    case FATHOM_DICOM_UNKNOWN_SYNTAX:
      throw .unsupportedSyntax(reason, path: path)
    case FATHOM_DICOM_NO_MEMORY:
      throw DICOMError(code: .outOfMemory, path: path, message: "no memory is left")
    default:
      throw DICOMError(
        code: .unreadable, path: path,
        message: "is no DICOM file that can be parsed (DCMTK: \(reason))")
    }
  }

  deinit { fathom_dicom_close(pointer) }
}
