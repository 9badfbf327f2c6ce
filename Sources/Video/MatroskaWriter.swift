internal import CLibAV

/// Writes pictures that come one by one, each with its time, as a Matroska file of one track.
///
/// JPEG pictures are copied as they are; grey pictures are coded without loss by FFV1. The file
/// holds the track, the times and the tags that are given, and nothing else: no date, no name, no
/// word of the software. Equal pictures, times and tags give equal bytes.
public final class MatroskaWriter {
  public enum Track: Hashable, Sendable {
    /// JPEG streams, copied.
    case jpeg
    /// Grey, 0 black to 255 white, `[height, width]` row by row.
    case grey
  }

  /// The tag that says how many millimetres a pixel is high and wide: `y,x`.
  public static let calibrationTag = "MM_PER_PIXEL"

  public let path: String
  private let height: Int
  private let width: Int
  private let muxer: Muxer
  private let packet: Packet
  /// The FFV1 encoder and its picture; JPEG needs neither.
  private let encoder: GreyEncoder?
  private var lastTick: Int64 = -1
  /// Matroska's own unit of time, as libavformat writes it.
  private static let ticksPerSecond: Int32 = 1000

  /// Opens the file, replacing what lies there.
  ///
  /// - Parameters:
  ///   - framesPerSecond: what readers are told of the rate; `nil` where it changes
  ///   - millimetresPerPixel: [y, x]
  /// - Throws: `VideoError`: `badSettings`, `unwritable`
  public init(
    path: String, track: Track, height: Int, width: Int, framesPerSecond: Double?,
    millimetresPerPixel: [Double]? = nil
  ) throws(VideoError) {
    LibAVLog.install
    guard (1...16384).contains(height), (1...16384).contains(width) else {
      throw VideoError(
        code: .badSettings, path: path,
        message: "\(height)x\(width) pixels; expected 1 to 16384 a side")
    }
    (self.path, self.height, self.width) = (path, height, width)
    muxer = try Muxer(format: "matroska", path: path)
    packet = try Packet(path: path)
    encoder = track == .grey ? try GreyEncoder(path: path, height: height, width: width) : nil
    let context = muxer.pointer
    guard let stream = avformat_new_stream(context, nil) else {
      throw .outOfMemory(path, "avformat_new_stream")
    }
    stream.pointee.time_base = AVRational(num: 1, den: Self.ticksPerSecond)
    if let framesPerSecond {
      stream.pointee.avg_frame_rate = av_d2q(framesPerSecond, 1_000_000)
    }
    if let encoder {
      avcodec_parameters_from_context(stream.pointee.codecpar, encoder.context.pointer)
    } else {
      stream.pointee.codecpar.pointee.codec_type = AVMEDIA_TYPE_VIDEO
      stream.pointee.codecpar.pointee.codec_id = AV_CODEC_ID_MJPEG
      stream.pointee.codecpar.pointee.height = Int32(height)
      stream.pointee.codecpar.pointee.width = Int32(width)
    }
    if let millimetresPerPixel {
      let text = millimetresPerPixel.map { "\($0)" }.joined(separator: ",")
      av_dict_set(&context.pointee.metadata, Self.calibrationTag, text, 0)
    }
    context.pointee.flags |= AVFMT_FLAG_BITEXACT
    try VideoWriter.check("avio_open", path) {
      avio_open(&context.pointee.pb, "file:" + path, AVIO_FLAG_WRITE)
    }
    try VideoWriter.check("avformat_write_header", path) { avformat_write_header(context, nil) }
  }

  /// Appends a picture: a JPEG stream, or `[height, width]` grey levels.
  ///
  /// Times are rounded to milliseconds; one that is not after the last becomes the next millisecond.
  /// - Throws: `VideoError` of code `unwritable`
  public func append(
    _ picture: [UInt8], atSeconds time: Double, lastingSeconds duration: Double
  ) throws(VideoError) {
    let packet = packet.pointer
    if let encoder {
      try encoder.encode(picture, into: packet, path: path)
    } else {
      try VideoWriter.check("av_new_packet", path) { av_new_packet(packet, Int32(picture.count)) }
      picture.withUnsafeBufferPointer { bytes in
        guard let source = bytes.baseAddress else { return }
        packet.pointee.data.update(from: source, count: bytes.count)
      }
      packet.pointee.flags |= AV_PKT_FLAG_KEY
    }
    let scale = Double(Self.ticksPerSecond)
    let tick = max(Int64((time * scale).rounded()), lastTick + 1)
    packet.pointee.pts = tick
    packet.pointee.dts = tick
    packet.pointee.duration = max(1, Int64(((time + duration) * scale).rounded()) - tick)
    packet.pointee.stream_index = 0
    lastTick = tick
    let context = muxer.pointer
    try VideoWriter.check("av_interleaved_write_frame", path) {
      av_interleaved_write_frame(context, packet)
    }
  }

  /// Writes the container's end.
  public func finish() throws(VideoError) {
    let context = muxer.pointer
    try VideoWriter.check("av_write_trailer", path) { av_write_trailer(context) }
    try VideoWriter.check("avio_closep", path) { avio_closep(&context.pointee.pb) }
  }
}

/// An FFV1 encoder of grey pictures, each of them a key frame.
private final class GreyEncoder {
  let context: CodecContext
  private let frame: Frame
  private let height: Int
  private let width: Int

  init(path: String, height: Int, width: Int) throws(VideoError) {
    guard let codec = avcodec_find_encoder(AV_CODEC_ID_FFV1) else {
      throw VideoError(
        code: .badSettings, path: path, message: "the linked libavcodec has no encoder 'ffv1'")
    }
    (self.height, self.width) = (height, width)
    context = try CodecContext(codec, path: path)
    frame = try Frame(path: path)
    let encoder = context.pointer
    encoder.pointee.height = Int32(height)
    encoder.pointee.width = Int32(width)
    encoder.pointee.time_base = AVRational(num: 1, den: 1000)
    encoder.pointee.pix_fmt = AV_PIX_FMT_GRAY8
    encoder.pointee.color_range = AVCOL_RANGE_JPEG
    encoder.pointee.gop_size = 1
    encoder.pointee.thread_count = 1
    encoder.pointee.flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER
    try VideoWriter.check("avcodec_open2", path) {
      var options: OpaquePointer?
      defer { av_dict_free(&options) }
      av_dict_set(&options, "level", "3", 0)
      av_dict_set(&options, "slices", height * width < 256 * 256 ? "4" : "16", 0)
      av_dict_set(&options, "slicecrc", "1", 0)
      return avcodec_open2(encoder, codec, &options)
    }
    let pointer = frame.pointer
    pointer.pointee.format = AV_PIX_FMT_GRAY8.rawValue
    pointer.pointee.height = Int32(height)
    pointer.pointee.width = Int32(width)
    try VideoWriter.check("av_frame_get_buffer", path) { av_frame_get_buffer(pointer, 0) }
  }

  /// FFV1 has no delay: each picture gives its packet at once.
  func encode(
    _ pixels: [UInt8], into packet: UnsafeMutablePointer<AVPacket>, path: String
  ) throws(VideoError) {
    precondition(pixels.count == height * width, "not \(height) rows of \(width) pixels")
    let (pointer, encoder) = (frame.pointer, context.pointer)
    try VideoWriter.check("av_frame_make_writable", path) { av_frame_make_writable(pointer) }
    let stride = Int(pointer.pointee.linesize.0)
    pixels.withUnsafeBufferPointer { pixels in
      guard let source = pixels.baseAddress, let target = pointer.pointee.data.0 else { return }
      for row in 0..<height {
        (target + row * stride).update(from: source + row * width, count: width)
      }
    }
    try VideoWriter.check("avcodec_send_frame", path) { avcodec_send_frame(encoder, pointer) }
    try VideoWriter.check("avcodec_receive_packet", path) {
      avcodec_receive_packet(encoder, packet)
    }
  }
}
