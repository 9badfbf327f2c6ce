internal import CLibAV
import Foundation

/// Writes full-range frames, grey or in colour, as a video file. Equal frames and settings give equal
/// bytes.
public final class VideoWriter {
  /// A codec with the container that it is written into.
  public enum Codec: String, Hashable, Sendable, CaseIterable {
    /// H.264 by libx264 in MP4.
    case h264
    /// MPEG-2 video in an MPEG program stream.
    case mpeg2
    /// Motion JPEG, full range, in AVI.
    case mjpeg
    /// FFV1 in Matroska: lossless.
    case ffv1

    /// As files of this kind are named, without the dot.
    public var fileExtension: String {
      switch self {
      case .h264: "mp4"
      case .mpeg2: "mpeg"
      case .mjpeg: "avi"
      case .ffv1: "mkv"
      }
    }

    /// Whether the codec can carry this many frames per second: MPEG-2 has a fixed list.
    public func supports(framesPerSecond: Int) -> Bool {
      self == .mpeg2 ? [24, 25, 30, 50, 60].contains(framesPerSecond) : framesPerSecond > 0
    }

    fileprivate var encoder: String {
      switch self {
      case .h264: "libx264"
      case .mpeg2: "mpeg2video"
      case .mjpeg: "mjpeg"
      case .ffv1: "ffv1"
      }
    }

    fileprivate var container: String {
      switch self {
      case .h264: "mp4"
      case .mpeg2: "mpeg"
      case .mjpeg: "avi"
      case .ffv1: "matroska"
      }
    }

    /// Chroma of half the size in the lossy ones: what every player and browser decodes.
    fileprivate func pixelFormat(of pixels: Pixels) -> AVPixelFormat {
      switch self {
      case .h264, .mpeg2: AV_PIX_FMT_YUV420P
      case .mjpeg: AV_PIX_FMT_YUVJ420P
      case .ffv1: pixels == .grey ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_BGR0
      }
    }

    fileprivate var isFullRange: Bool { self == .mjpeg || self == .ffv1 }
  }

  /// What a pixel of a frame is.
  public enum Pixels: Hashable, Sendable {
    /// One byte, 0 black to 255 white.
    case grey
    /// Three bytes of sRGB: red, green, blue.
    case colour

    fileprivate var bytes: Int { self == .grey ? 1 : 3 }
  }

  public let path: String
  public let height: Int
  public let width: Int
  public private(set) var framesWritten = 0
  private let codec: Codec
  private let pixels: Pixels
  /// `nil` where frames are grey: they need no more than their luma written.
  private let converter: ColourConverter?
  private let muxer: Muxer
  private let encoder: CodecContext
  private let frame: Frame
  private let packet: Packet
  private let streamIndex: Int32
  private let timeBase: AVRational

  /// Opens the file, replacing what lies there.
  ///
  /// - Parameters:
  ///   - height: pixels, even, 16 to 4096
  ///   - width: pixels, even, 16 to 4096
  /// - Throws: `VideoError`: `badSettings`, `unwritable`
  public init(
    path: String, codec: Codec, height: Int, width: Int, framesPerSecond: Int,
    pixels: Pixels = .grey
  ) throws(VideoError) {
    LibAVLog.install
    func bad(_ message: String) -> VideoError {
      VideoError(code: .badSettings, path: path, message: message)
    }
    guard (16...4096).contains(height), (16...4096).contains(width), height % 2 == 0, width % 2 == 0
    else { throw bad("\(height)x\(width) pixels; expected even numbers from 16 to 4096") }
    guard (1...1000).contains(framesPerSecond), codec.supports(framesPerSecond: framesPerSecond)
    else { throw bad("\(codec.rawValue) cannot have \(framesPerSecond) frames per second") }
    guard let implementation = avcodec_find_encoder_by_name(codec.encoder) else {
      throw bad("the linked libavcodec has no encoder '\(codec.encoder)'")
    }
    self.path = path
    self.codec = codec
    self.pixels = pixels
    self.height = height
    self.width = width
    timeBase = AVRational(num: 1, den: Int32(framesPerSecond))
    converter =
      pixels == .grey
      ? nil
      : try ColourConverter(
        height: height, width: width, to: codec.pixelFormat(of: pixels),
        isFullRange: codec.isFullRange, path: path)
    muxer = try Muxer(format: codec.container, path: path)
    encoder = try CodecContext(implementation, path: path)
    packet = try Packet(path: path)
    frame = try Frame(path: path)
    let (context, encoder) = (muxer.pointer, encoder.pointer)
    let timeBase = timeBase
    let globalHeader = context.pointee.oformat.pointee.flags & AVFMT_GLOBALHEADER != 0
    try VideoWriter.check("avcodec_open2", path) {
      VideoWriter.open(
        encoder, implementation, codec, pixels, height: height, width: width, timeBase: timeBase,
        globalHeader: globalHeader)
    }
    guard let stream = avformat_new_stream(context, nil) else {
      throw .outOfMemory(path, "avformat_new_stream")
    }
    streamIndex = stream.pointee.index
    stream.pointee.time_base = timeBase
    stream.pointee.avg_frame_rate = AVRational(num: timeBase.den, den: 1)
    avcodec_parameters_from_context(stream.pointee.codecpar, encoder)
    context.pointee.flags |= AVFMT_FLAG_BITEXACT
    try VideoWriter.check("avio_open", path) {
      avio_open(&context.pointee.pb, "file:" + path, AVIO_FLAG_WRITE)
    }
    try VideoWriter.check("avformat_write_header", path) { avformat_write_header(context, nil) }
    try allocatePicture()
  }

  /// Encodes one frame, `[height, width]` or `[height, width, 3]` row by row.
  ///
  /// - Throws: `VideoError` of code `unwritable`
  public func append(_ frame: [UInt8]) throws(VideoError) {
    precondition(
      frame.count == height * width * pixels.bytes, "not \(height) rows of \(width) pixels")
    let pointer = self.frame.pointer
    try VideoWriter.check("av_frame_make_writable", path) { av_frame_make_writable(pointer) }
    if let converter {
      converter.convert(frame, into: pointer)
    } else {
      writeLuma(frame, into: pointer)
    }
    pointer.pointee.pts = Int64(framesWritten)
    try encode(pointer)
    framesWritten += 1
  }

  private func writeLuma(_ pixels: [UInt8], into frame: UnsafeMutablePointer<AVFrame>) {
    let stride = Int(frame.pointee.linesize.0)
    guard let luma = frame.pointee.data.0 else { return }
    for row in 0..<height {
      for column in 0..<width {
        let pixel = pixels[row * width + column]
        // ITU-R BT.601: 219 steps from 16, to the nearest.
        luma[row * stride + column] =
          codec.isFullRange ? pixel : UInt8(16 + (Int(pixel) * 219 + 127) / 255)
      }
    }
  }

  /// Writes what the encoder still holds, and the container's end.
  public func finish() throws(VideoError) {
    try encode(nil)
    let context = muxer.pointer
    try VideoWriter.check("av_write_trailer", path) { av_write_trailer(context) }
    try VideoWriter.check("avio_closep", path) { avio_closep(&context.pointee.pb) }
  }

  private func encode(_ frame: UnsafeMutablePointer<AVFrame>?) throws(VideoError) {
    let (encoder, packet, context) = (encoder.pointer, packet.pointer, muxer.pointer)
    try VideoWriter.check("avcodec_send_frame", path) { avcodec_send_frame(encoder, frame) }
    while true {
      let status = avcodec_receive_packet(encoder, packet)
      if status == fathom_averror_again || status == fathom_averror_eof { return }
      try VideoWriter.check("avcodec_receive_packet", path) { status }
      packet.pointee.stream_index = streamIndex
      packet.pointee.duration = 1
      if let stream = context.pointee.streams[Int(streamIndex)] {
        av_packet_rescale_ts(packet, timeBase, stream.pointee.time_base)
      }
      try VideoWriter.check("av_interleaved_write_frame", path) {
        av_interleaved_write_frame(context, packet)
      }
    }
  }

  private func allocatePicture() throws(VideoError) {
    let pointer = frame.pointer
    pointer.pointee.format = codec.pixelFormat(of: pixels).rawValue
    pointer.pointee.height = Int32(height)
    pointer.pointee.width = Int32(width)
    try VideoWriter.check("av_frame_get_buffer", path) { av_frame_get_buffer(pointer, 0) }
    guard codec != .ffv1 else { return }
    for (plane, stride) in [
      (pointer.pointee.data.1, pointer.pointee.linesize.1),
      (pointer.pointee.data.2, pointer.pointee.linesize.2),
    ] {
      plane?.update(repeating: 128, count: Int(stride) * height / 2)
    }
  }

  private static func open(
    _ encoder: UnsafeMutablePointer<AVCodecContext>, _ implementation: UnsafePointer<AVCodec>,
    _ codec: Codec, _ pixels: Pixels, height: Int, width: Int, timeBase: AVRational,
    globalHeader: Bool
  ) -> Int32 {
    encoder.pointee.height = Int32(height)
    encoder.pointee.width = Int32(width)
    encoder.pointee.time_base = timeBase
    encoder.pointee.framerate = AVRational(num: timeBase.den, den: 1)
    encoder.pointee.pix_fmt = codec.pixelFormat(of: pixels)
    encoder.pointee.color_range = codec.isFullRange ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG
    if pixels == .colour, codec != .ffv1 {
      // Players would take BT.709 for large pictures that do not say.
      encoder.pointee.colorspace = AVCOL_SPC_SMPTE170M
      encoder.pointee.color_primaries = AVCOL_PRI_BT709
      encoder.pointee.color_trc = AVCOL_TRC_IEC61966_2_1
    }
    // More threads would cut pictures into other slices, and so make other bytes.
    encoder.pointee.thread_count = 1
    encoder.pointee.flags |= AV_CODEC_FLAG_BITEXACT
    if globalHeader { encoder.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER }
    var options: OpaquePointer?
    defer { av_dict_free(&options) }
    switch codec {
    case .h264:
      encoder.pointee.gop_size = 24
      av_dict_set(&options, "preset", "veryfast", 0)
      av_dict_set(&options, "crf", "18", 0)
      // Without it libx264 rounds by processor, and its AVX-512 code for mbtree reads memory that
      // nobody wrote: equal pictures now and then became other bytes.
      av_dict_set(&options, "x264-params", "cpu-independent=1", 0)
    case .mpeg2, .mjpeg:
      encoder.pointee.gop_size = 12
      encoder.pointee.flags |= AV_CODEC_FLAG_QSCALE
      encoder.pointee.global_quality = 3 * FF_QP2LAMBDA
    case .ffv1:
      av_dict_set(&options, "level", "3", 0)
      av_dict_set(&options, "slicecrc", "1", 0)
    }
    return avcodec_open2(encoder, implementation, &options)
  }

  /// Runs a call of libav that writes; a negative status becomes an error.
  static func check(
    _ call: String, _ path: String, _ body: () -> Int32
  ) throws(VideoError) {
    _ = LibAVLog.take()
    let status = body()
    guard status < 0 else { return }
    throw VideoError(
      code: .unwritable, path: path, message: "cannot be written", cause: .init(call, status))
  }
}
