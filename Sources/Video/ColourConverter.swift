internal import CLibAV

/// Turns red, green and blue into the pixels of an encoder, with libswscale.
///
/// Luma and chroma are those of ITU-R BT.601. Every step is rounded as libswscale's plain C code
/// rounds it, so that all processors make the same bytes.
final class ColourConverter {
  private let context: OpaquePointer
  private let height: Int
  private let width: Int

  init(
    height: Int, width: Int, to format: AVPixelFormat, isFullRange: Bool, path: String
  ) throws(VideoError) {
    let flags = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INP
    guard
      let context = sws_getContext(
        Int32(width), Int32(height), AV_PIX_FMT_RGB24, Int32(width), Int32(height), format, flags,
        nil, nil, nil)
    else { throw .outOfMemory(path, "sws_getContext") }
    let coefficients = sws_getCoefficients(SWS_CS_ITU601)
    sws_setColorspaceDetails(
      context, coefficients, 1, coefficients, isFullRange ? 1 : 0, 0, 1 << 16, 1 << 16)
    _ = LibAVLog.take()
    self.context = context
    self.height = height
    self.width = width
  }

  deinit { sws_freeContext(context) }

  /// - Parameter rgb: `[height, width, 3]`, row by row
  func convert(_ rgb: [UInt8], into frame: UnsafeMutablePointer<AVFrame>) {
    rgb.withUnsafeBufferPointer { pixels in
      // libswscale takes planes and strides of up to four; packed pixels have one.
      var planes: [UnsafePointer<UInt8>?] = [pixels.baseAddress, nil, nil, nil]
      var strides = [Int32(width * 3), 0, 0, 0]
      let target = frame.pointee.data
      let targetStrides = frame.pointee.linesize
      withUnsafeBytes(of: target) { target in
        withUnsafeBytes(of: targetStrides) { targetStrides in
          _ = sws_scale(
            context, &planes, &strides, 0, Int32(height),
            target.assumingMemoryBound(to: UnsafeMutablePointer<UInt8>?.self).baseAddress,
            targetStrides.assumingMemoryBound(to: Int32.self).baseAddress)
        }
      }
    }
  }
}
