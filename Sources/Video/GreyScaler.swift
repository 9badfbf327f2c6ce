internal import CLibAV

/// Turns frames into grey pictures of one size, with libswscale.
///
/// Only luma is looked at where a frame has a luma plane; RGB and palettes become luma by
/// ITU-R BT.601. Luma of 16 to 235 is stretched to 0 to 255. The pixels are those of
/// `ffmpeg -vf scale=W:H:flags=bicubic,format=gray`.
public final class GreyScaler {
  public let format: GreyFormat
  private var context: OpaquePointer?
  /// What `context` was made for.
  private var source: Source?
  /// `[height, stride]`, aligned and padded as libswscale's vector code wants it.
  private let picture: UnsafeMutableBufferPointer<UInt8>
  private let stride: Int
  /// The rows without padding; empty where the stride has none.
  private var packed: [UInt8]
  private static let alignment = 32

  private struct Source: Hashable {
    var height: Int
    var width: Int
    var format: Int32
    var isFullRange: Bool
  }

  public init(_ format: GreyFormat) {
    self.format = format
    let alignment = GreyScaler.alignment
    stride = (format.width + alignment - 1) / alignment * alignment
    let raw = UnsafeMutableRawBufferPointer.allocate(
      byteCount: format.height * stride + 2 * alignment, alignment: 64)
    picture = raw.bindMemory(to: UInt8.self)
    picture.initialize(repeating: 0)
    packed = stride == format.width ? [] : Array(repeating: 0, count: format.height * format.width)
  }

  deinit {
    picture.deallocate()
    sws_freeContext(context)
  }

  /// Lends the picture of the last frame, `[height, width]`, row by row.
  func withPixels<Result, Failure: Error>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard stride != format.width else {
      return try body(UnsafeBufferPointer(rebasing: picture[..<(format.height * format.width)]))
    }
    for row in 0..<format.height {
      packed.replaceSubrange(
        row * format.width..<(row + 1) * format.width,
        with: UnsafeBufferPointer(rebasing: picture[row * stride..<row * stride + format.width]))
    }
    return try packed.withUnsafeBufferPointer(body)
  }

  /// Scales a frame into `picture`.
  func scale(
    _ frame: UnsafeMutablePointer<AVFrame>, path: String, number: Int
  ) throws(VideoError) {
    var planes = frame.pointee.data
    var size = (height: Int(frame.pointee.height), width: Int(frame.pointee.width))
    if let crop = format.crop {
      try GreyScaler.move(&planes, of: frame, to: crop, path: path, number: number)
      size = (crop.height, crop.width)
    }
    let context = try context(
      for: Source(
        height: size.height, width: size.width, format: frame.pointee.format,
        isFullRange: GreyScaler.isFullRange(frame)), path: path, number: number)
    let strides = frame.pointee.linesize
    let rows = withUnsafeBytes(of: planes) { planes in
      withUnsafeBytes(of: strides) { strides in
        var target = picture.baseAddress
        var targetStride = Int32(stride)
        // A frame's planes and strides are arrays of eight; libswscale reads the first four.
        return sws_scale(
          context, planes.assumingMemoryBound(to: UnsafePointer<UInt8>?.self).baseAddress,
          strides.assumingMemoryBound(to: Int32.self).baseAddress, 0, Int32(size.height), &target,
          &targetStride)
      }
    }
    guard rows == format.height else {
      throw VideoError(
        code: .corrupt, path: path, frame: number, message: "cannot be scaled",
        cause: .init("sws_scale", rows))
    }
  }

  private func context(
    for source: Source, path: String, number: Int
  ) throws(VideoError) -> OpaquePointer {
    if let context, self.source == source { return context }
    let flags =
      switch format.scaler {
      case .bicubic: SWS_BICUBIC
      case .area: SWS_AREA
      }
    sws_freeContext(context)
    context = sws_getContext(
      Int32(source.width), Int32(source.height), AVPixelFormat(source.format),
      Int32(format.width), Int32(format.height), AV_PIX_FMT_GRAY8, flags, nil, nil, nil)
    guard let context else {
      throw VideoError(
        code: .corrupt, path: path, frame: number,
        message: "\(source.width)x\(source.height) pixels of this format cannot be scaled to "
          + "\(format.width)x\(format.height)\(LibAVLog.take().map { ": \($0)" } ?? "")")
    }
    let coefficients = sws_getCoefficients(SWS_CS_DEFAULT)
    sws_setColorspaceDetails(
      context, coefficients, source.isFullRange ? 1 : 0, coefficients, 1, 0, 1 << 16, 1 << 16)
    _ = LibAVLog.take()
    self.source = source
    return context
  }

  /// Luma without a declared range is taken as limited, as every player takes it.
  static func isFullRange(_ frame: UnsafeMutablePointer<AVFrame>) -> Bool {
    if frame.pointee.color_range == AVCOL_RANGE_JPEG { return true }
    if frame.pointee.color_range == AVCOL_RANGE_MPEG { return false }
    switch AVPixelFormat(frame.pointee.format) {
    case AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUVJ440P,
      AV_PIX_FMT_YUVJ411P:
      return true
    default:
      guard let descriptor = av_pix_fmt_desc_get(AVPixelFormat(frame.pointee.format)) else {
        return false
      }
      let isRGB = descriptor.pointee.flags & UInt64(AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL) != 0
      return isRGB || descriptor.pointee.nb_components <= 2
    }
  }

  private typealias Planes = (
    UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?,
    UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?,
    UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?
  )

  /// Moves the start of luma, or of RGB in one or several planes, to the corner of a crop.
  ///
  /// Chroma stays: libswscale reads it for no grey picture.
  private static func move(
    _ planes: inout Planes, of frame: UnsafeMutablePointer<AVFrame>, to crop: Crop, path: String,
    number: Int
  ) throws(VideoError) {
    let (height, width) = (Int(frame.pointee.height), Int(frame.pointee.width))
    guard crop.top >= 0, crop.left >= 0, crop.height > 0, crop.width > 0,
      crop.top <= height - crop.height, crop.left <= width - crop.width
    else {
      throw VideoError(
        code: .badCrop, path: path, frame: number,
        message: "the crop (top \(crop.top), left \(crop.left), \(crop.height) high, "
          + "\(crop.width) wide) leaves the picture, which is \(height) high and \(width) wide")
    }
    let unfit = UInt64(AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_BAYER)
    guard let descriptor = av_pix_fmt_desc_get(AVPixelFormat(frame.pointee.format))?.pointee,
      descriptor.flags & unfit == 0
    else {
      throw VideoError(
        code: .badCrop, path: path, frame: number,
        message: "frames of this pixel format cannot be cropped; convert the file or drop the crop")
    }
    let column = crop.left * Int(descriptor.comp.0.step)
    let strides = frame.pointee.linesize
    let isRGB = descriptor.flags & UInt64(AV_PIX_FMT_FLAG_RGB) != 0
    let isPlanar = descriptor.flags & UInt64(AV_PIX_FMT_FLAG_PLANAR) != 0
    planes.0 = planes.0.map { $0 + crop.top * Int(strides.0) + column }
    guard isRGB, isPlanar else { return }
    planes.1 = planes.1.map { $0 + crop.top * Int(strides.1) + column }
    planes.2 = planes.2.map { $0 + crop.top * Int(strides.2) + column }
    planes.3 = planes.3.map { $0 + crop.top * Int(strides.3) + column }
  }
}
