internal import CLibAV

/// Takes the strongest of red, green and blue of each pixel, at the frame's own size.
///
/// Of grey pixels that is the grey level; a dark blue mark, which hardly shows in luma, is bright.
public final class ColourPeaks {
  /// The part of the frames that is looked at.
  public let part: Crop
  private var context: OpaquePointer?
  private var source: (height: Int32, width: Int32, format: Int32, isFullRange: Bool)?
  private var rgb: [UInt8] = []

  public init(_ part: Crop) { self.part = part }

  deinit { sws_freeContext(context) }

  /// The part of a frame, `[height, width]`, row by row.
  func levels(
    of frame: UnsafeMutablePointer<AVFrame>, path: String, number: Int
  ) throws(VideoError) -> [UInt8] {
    let (height, width) = (Int(frame.pointee.height), Int(frame.pointee.width))
    guard part.top >= 0, part.left >= 0, part.top <= height - part.height,
      part.left <= width - part.width
    else {
      throw VideoError(
        code: .badCrop, path: path, frame: number,
        message: "the crop (top \(part.top), left \(part.left), \(part.height) high, "
          + "\(part.width) wide) leaves the picture, which is \(height) high and \(width) wide")
    }
    try convert(frame, path: path, number: number)
    var levels = [UInt8](repeating: 0, count: part.height * part.width)
    rgb.withUnsafeBufferPointer { rgb in
      for row in 0..<part.height {
        let start = ((part.top + row) * width + part.left) * 3
        for column in 0..<part.width {
          let at = start + 3 * column
          levels[row * part.width + column] = max(rgb[at], rgb[at + 1], rgb[at + 2])
        }
      }
    }
    return levels
  }

  private func convert(
    _ frame: UnsafeMutablePointer<AVFrame>, path: String, number: Int
  ) throws(VideoError) {
    let (height, width) = (frame.pointee.height, frame.pointee.width)
    let isFullRange = GreyScaler.isFullRange(frame)
    let now = (height, width, frame.pointee.format, isFullRange)
    if context == nil || source.map({ $0 != now }) ?? true {
      sws_freeContext(context)
      context = sws_getContext(
        width, height, AVPixelFormat(frame.pointee.format), width, height, AV_PIX_FMT_RGB24,
        SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT, nil, nil, nil)
      let coefficients = sws_getCoefficients(SWS_CS_ITU601)
      sws_setColorspaceDetails(
        context, coefficients, isFullRange ? 1 : 0, coefficients, 1, 0, 1 << 16, 1 << 16)
      source = now
      rgb = Array(repeating: 0, count: Int(height) * Int(width) * 3)
      _ = LibAVLog.take()
    }
    guard let context else {
      throw VideoError(
        code: .corrupt, path: path, frame: number, message: "its pixel format has no colours")
    }
    let (planes, strides) = (frame.pointee.data, frame.pointee.linesize)
    let rows = rgb.withUnsafeMutableBufferPointer { rgb in
      // libswscale takes planes and strides of up to four; packed pixels have one.
      var targets: [UnsafeMutablePointer<UInt8>?] = [rgb.baseAddress, nil, nil, nil]
      var targetStrides = [width * 3, 0, 0, 0]
      return withUnsafeBytes(of: planes) { planes in
        withUnsafeBytes(of: strides) { strides in
          sws_scale(
            context, planes.assumingMemoryBound(to: UnsafePointer<UInt8>?.self).baseAddress,
            strides.assumingMemoryBound(to: Int32.self).baseAddress, 0, height, &targets,
            &targetStrides)
        }
      }
    }
    guard rows == height else {
      throw VideoError(
        code: .corrupt, path: path, frame: number, message: "cannot be converted",
        cause: .init("sws_scale", rows))
    }
  }
}
