internal import CLibAV

/// Decodes single compressed pictures that no container surrounds, into their samples.
public final class PictureDecoder {
  public enum Codec: String, Hashable, Sendable {
    /// JPEG: baseline, extended with 8 bits, lossless.
    case jpeg = "mjpeg"
    case jpegLS = "jpegls"
    case jpeg2000
  }

  /// A picture of `[height, width, count]` samples of 8 bits, row by row.
  public struct Samples: Hashable, Sendable {
    public var height: Int
    public var width: Int
    public var count: Int
    public var bytes: [UInt8]
  }

  private let path: String
  private let decoder: CodecContext
  private let packet: Packet
  private let frame: Frame

  /// - Parameter path: what errors name
  /// - Throws: `VideoError`: `noDecoder`
  public init(_ codec: Codec, path: String) throws(VideoError) {
    LibAVLog.install
    self.path = path
    // By name: some builds have a second decoder of JPEG 2000, of other rounding.
    guard let implementation = avcodec_find_decoder_by_name(codec.rawValue) else {
      throw VideoError(
        code: .noDecoder, path: path,
        message: "the linked libavcodec has no decoder '\(codec.rawValue)'")
    }
    decoder = try CodecContext(implementation, path: path)
    packet = try Packet(path: path)
    frame = try Frame(path: path)
    let decoder = decoder.pointer
    decoder.pointee.thread_count = 1
    let status = avcodec_open2(decoder, implementation, nil)
    guard status >= 0 else {
      throw VideoError(
        code: .noDecoder, path: path, message: "the decoder '\(codec.rawValue)' does not open",
        cause: .init("avcodec_open2", status))
    }
  }

  /// - Parameter number: the picture's, from 0, for errors
  /// - Throws: `VideoError` of code `corrupt`, for samples of more than 8 bits too
  public func decode(_ bytes: [UInt8], number: Int) throws(VideoError) -> Samples {
    func corrupt(_ message: String, _ cause: VideoError.Cause? = nil) -> VideoError {
      VideoError(code: .corrupt, path: path, frame: number, message: message, cause: cause)
    }
    let (decoder, packet, frame) = (decoder.pointer, packet.pointer, frame.pointer)
    _ = LibAVLog.take()
    av_packet_unref(packet)
    guard av_new_packet(packet, Int32(bytes.count)) == 0 else {
      throw .outOfMemory(path, "av_new_packet")
    }
    bytes.withUnsafeBufferPointer { bytes in
      guard let source = bytes.baseAddress else { return }
      packet.pointee.data.update(from: source, count: bytes.count)
    }
    var status = avcodec_send_packet(decoder, packet)
    guard status >= 0 else {
      throw corrupt("cannot be decoded", .init("avcodec_send_packet", status))
    }
    status = avcodec_receive_frame(decoder, frame)
    guard status >= 0 else {
      throw corrupt("cannot be decoded", .init("avcodec_receive_frame", status))
    }
    if let logged = LibAVLog.take() { throw corrupt("is damaged: \(logged)") }
    guard let samples = PictureDecoder.samples(of: frame) else {
      let name = av_get_pix_fmt_name(AVPixelFormat(frame.pointee.format))
      throw corrupt(
        "decodes to pixels of format '\(name.map(String.init(cString:)) ?? "unknown")'; "
          + "expected 1 or 3 samples a pixel, of 8 bits each")
    }
    return samples
  }

  private static func samples(of frame: UnsafeMutablePointer<AVFrame>) -> Samples? {
    let format = AVPixelFormat(frame.pointee.format)
    guard let descriptor = av_pix_fmt_desc_get(format)?.pointee,
      [1, 3].contains(descriptor.nb_components),
      descriptor.log2_chroma_w == 0, descriptor.log2_chroma_h == 0,
      descriptor.flags & UInt64(AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM) == 0
    else { return nil }
    let count = Int(descriptor.nb_components)
    let (height, width) = (Int(frame.pointee.height), Int(frame.pointee.width))
    let components = [descriptor.comp.0, descriptor.comp.1, descriptor.comp.2]
    let planes = [frame.pointee.data.0, frame.pointee.data.1, frame.pointee.data.2]
    let strides = [frame.pointee.linesize.0, frame.pointee.linesize.1, frame.pointee.linesize.2]
    var bytes = [UInt8](repeating: 0, count: height * width * count)
    for (index, component) in components.prefix(count).enumerated() {
      guard component.depth == 8, let plane = planes[Int(component.plane)] else { return nil }
      let stride = Int(strides[Int(component.plane)])
      for row in 0..<height {
        let line = plane + row * stride + Int(component.offset)
        for column in 0..<width {
          bytes[(row * width + column) * count + index] = line[column * Int(component.step)]
        }
      }
    }
    return Samples(height: height, width: width, count: count, bytes: bytes)
  }
}
