internal import CLibAV
import Foundation

/// Decodes the frames of a video file one after the other, on the calling thread.
///
/// Reads every container and codec that the linked libavformat and libavcodec know. Frames come
/// in order of presentation, each exactly once: as many as `ffmpeg -vsync passthrough` gives.
public final class VideoReader {
  /// What to do about data that cannot be decoded without loss.
  public enum Damage: String, Hashable, Sendable, CaseIterable {
    /// `next` throws.
    case error
    /// The video ends before the damage; damage before the first frame is an error still.
    case stop
    /// The decoder conceals what it can, as players do; what it gives up is left out.
    case conceal
  }

  public let path: String
  public let info: VideoInfo
  /// How many frames have been decoded so far.
  public private(set) var framesRead = 0
  /// When the current frame is shown, in seconds after the first frame.
  public private(set) var timeSeconds = 0.0
  /// The unit in which the container counts time.
  public let secondsPerTick: Double
  /// What was damaged, where the reader was told not to throw: at most the first hundred places.
  public private(set) var damages: [VideoError] = []

  private let damage: Damage
  private let demuxer: Demuxer
  private let decoder: CodecContext
  private let packet: Packet
  private let frame: Frame
  private let streamIndex: Int32
  private var firstTick: Int64?
  private var packetsRead = 0
  private var isDrained = false
  private var isEnded = false

  /// Opens a file and the decoder of its best video stream.
  ///
  /// - Throws: `VideoError`: `unreadable`, `empty`, `notMedia`, `noVideo`, `noDecoder`
  public init(path: String, damage: Damage = .error) throws(VideoError) {
    LibAVLog.install
    self.path = path
    self.damage = damage
    try VideoReader.checkReadable(path)
    demuxer = try Demuxer(path: path)
    let status = avformat_find_stream_info(demuxer.pointer, nil)
    guard status >= 0 else {
      throw VideoError(
        code: .notMedia, path: path, message: "its streams cannot be made out",
        cause: .init("avformat_find_stream_info", status))
    }
    let stream = try VideoReader.bestStream(of: demuxer.pointer, path: path)
    streamIndex = stream.pointee.index
    let base = stream.pointee.time_base
    secondsPerTick = Double(base.num) / Double(max(base.den, 1))
    decoder = try VideoReader.openDecoder(for: stream, path: path)
    packet = try Packet(path: path)
    frame = try Frame(path: path)
    info = VideoReader.info(of: stream, in: demuxer.pointer, decoder: decoder.pointer)
    _ = LibAVLog.take()
  }

  /// Decodes the next frame, which becomes the current one.
  ///
  /// - Returns: `false` after the last frame
  /// - Throws: `VideoError`: `corrupt` or `truncated` with the frame's number, `noFrames`
  public func next() throws(VideoError) -> Bool {
    guard !isEnded else { return false }
    do {
      if try advance() { return true }
      isEnded = true
      try checkComplete()
    } catch {
      isEnded = true
      guard damage != .error, framesRead > 0, error.code != .outOfMemory else { throw error }
      note(error)
    }
    return false
  }

  /// Scales the current frame.
  ///
  /// The current frame is the one that `next` decoded last.
  /// - Throws: `VideoError` of code `badCrop`, or what `body` throws
  public func withGreyFrame<Result, Failure: Error>(
    _ scaler: GreyScaler, _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
  ) throws -> Result {
    precondition(framesRead > 0, "no frame has been decoded yet")
    try scaler.scale(frame.pointer, path: path, number: framesRead - 1)
    return try scaler.withPixels(body)
  }

  /// The strongest colour of each pixel of the current frame, `[height, width]` of the part.
  ///
  /// - Throws: `VideoError` of code `badCrop`
  public func levels(_ peaks: ColourPeaks) throws(VideoError) -> [UInt8] {
    precondition(framesRead > 0, "no frame has been decoded yet")
    return try peaks.levels(of: frame.pointer, path: path, number: framesRead - 1)
  }

  /// Whether the luma of the current frame spans 0 to 255 rather than 16 to 235.
  public var isFullRange: Bool { GreyScaler.isFullRange(frame.pointer) }

  // MARK: Decoding

  private func advance() throws(VideoError) -> Bool {
    while true {
      let status = avcodec_receive_frame(decoder.pointer, frame.pointer)
      if status == fathom_averror_eof { return false }
      if status == fathom_averror_again, !isDrained {
        try feed()
        continue
      }
      if status < 0 {
        try report("cannot be decoded", .init("avcodec_receive_frame", status))
        // A decoder that fails while it is drained may fail for ever.
        if isDrained { return false }
        continue
      }
      let flags = frame.pointer.pointee
      if let logged = LibAVLog.take() {
        try report("is damaged: \(logged)", nil)
      } else if flags.decode_error_flags != 0 || flags.flags & AV_FRAME_FLAG_CORRUPT != 0 {
        try report("is damaged", nil)
      }
      stamp()
      framesRead += 1
      return true
    }
  }

  /// Hands the decoder one packet, or the end.
  private func feed() throws(VideoError) {
    while true {
      av_packet_unref(packet.pointer)
      let status = av_read_frame(demuxer.pointer, packet.pointer)
      if status < 0 {
        isDrained = true
        if status != fathom_averror_eof {
          try report("cannot be read", .init("av_read_frame", status))
        } else if let error = demuxer.pointer.pointee.pb?.pointee.error, error < 0 {
          try report("cannot be read", .init("av_read_frame", error))
        } else if let logged = LibAVLog.take() {
          try report("cannot be read further: \(logged)", nil)
        }
        avcodec_send_packet(decoder.pointer, nil)
        return
      }
      guard packet.pointer.pointee.stream_index == streamIndex else { continue }
      packetsRead += 1
      // AVI has empty packets where a frame was dropped; to a decoder they would mean the end.
      if packet.pointer.pointee.size == 0 { continue }
      if packet.pointer.pointee.flags & AV_PKT_FLAG_CORRUPT != 0 {
        try report("is cut short or corrupt in the container", nil)
      }
      let sent = avcodec_send_packet(decoder.pointer, packet.pointer)
      if sent < 0 {
        try report("cannot be decoded", .init("avcodec_send_packet", sent))
        continue
      }
      return
    }
  }

  /// Throws the damage, unless the reader is to conceal it.
  private func report(_ message: String, _ cause: VideoError.Cause?) throws(VideoError) {
    let error = VideoError(
      code: .corrupt, path: path, frame: framesRead, message: message, cause: cause)
    guard damage == .conceal else { throw error }
    note(error)
  }

  private func note(_ error: VideoError) {
    if damages.count < 100, damages.isEmpty || damages.last?.frame != error.frame {
      damages.append(error)
    }
  }

  private func stamp() {
    let tick = frame.pointer.pointee.best_effort_timestamp
    if tick != fathom_no_pts {
      let first = firstTick ?? tick
      firstTick = first
      timeSeconds = Double(tick - first) * secondsPerTick
    } else {
      timeSeconds = Double(framesRead) / (info.framesPerSecond ?? 25)
    }
  }

  private func checkComplete() throws(VideoError) {
    if framesRead == 0 {
      throw VideoError(
        code: .noFrames, path: path, frame: 0,
        message: "has a \(info.codec) stream without a single frame that can be decoded",
        cause: damages.first?.cause)
    }
    if let announced = info.announcedFrames, packetsRead < announced {
      throw VideoError(
        code: .truncated, path: path, frame: framesRead,
        message: "the file ends here; its container announces \(announced) frames")
    }
  }

  // MARK: Opening

  private static func checkReadable(_ path: String) throws(VideoError) {
    var status = stat()
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
      let reason = String(cString: strerror(errno))
      throw VideoError(code: .unreadable, path: path, message: "cannot be read: \(reason)")
    }
    close(descriptor)
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw VideoError(code: .unreadable, path: path, message: "is not a regular file")
    }
    guard status.st_size > 0 else {
      throw VideoError(code: .empty, path: path, message: "is empty; expected a video")
    }
  }

  private static func bestStream(
    of context: UnsafeMutablePointer<AVFormatContext>, path: String
  ) throws(VideoError) -> UnsafeMutablePointer<AVStream> {
    let index = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
    if index >= 0, let stream = context.pointee.streams[Int(index)],
      stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC == 0
    {
      return stream
    }
    var kinds: [String] = []
    for index in 0..<Int(context.pointee.nb_streams) {
      guard let parameters = context.pointee.streams[index]?.pointee.codecpar else { continue }
      let isCover = parameters.pointee.codec_type == AVMEDIA_TYPE_VIDEO
      let type = av_get_media_type_string(parameters.pointee.codec_type).map(String.init(cString:))
      let codec = String(cString: avcodec_get_name(parameters.pointee.codec_id))
      kinds.append("\(isCover ? "cover picture" : type ?? "unknown") (\(codec))")
    }
    throw VideoError(
      code: .noVideo, path: path,
      message:
        "has no video stream; it holds \(kinds.isEmpty ? "nothing" : kinds.joined(separator: ", "))"
    )
  }

  private static func openDecoder(
    for stream: UnsafeMutablePointer<AVStream>, path: String
  ) throws(VideoError) -> CodecContext {
    guard let parameters = stream.pointee.codecpar,
      let codec = avcodec_find_decoder(parameters.pointee.codec_id)
    else {
      let id = stream.pointee.codecpar?.pointee.codec_id ?? AV_CODEC_ID_NONE
      throw VideoError(
        code: .noDecoder, path: path,
        message: "there is no decoder for its codec '\(String(cString: avcodec_get_name(id)))'")
    }
    let decoder = try CodecContext(codec, path: path)
    var status = avcodec_parameters_to_context(decoder.pointer, parameters)
    decoder.pointer.pointee.pkt_timebase = stream.pointee.time_base
    // Items run in parallel, and damage is told apart by thread.
    decoder.pointer.pointee.thread_count = 1
    if status >= 0 { status = avcodec_open2(decoder.pointer, codec, nil) }
    guard status >= 0 else {
      throw VideoError(
        code: .noDecoder, path: path,
        message: "the decoder of '\(String(cString: codec.pointee.name))' does not take its stream",
        cause: .init("avcodec_open2", status))
    }
    return decoder
  }

  private static func info(
    of stream: UnsafeMutablePointer<AVStream>, in context: UnsafeMutablePointer<AVFormatContext>,
    decoder: UnsafeMutablePointer<AVCodecContext>
  ) -> VideoInfo {
    let rate = stream.pointee.avg_frame_rate
    let frames = Int(stream.pointee.nb_frames)
    let duration = context.pointee.duration
    let format = av_get_pix_fmt_name(decoder.pointee.pix_fmt)
    return VideoInfo(
      container: String(cString: context.pointee.iformat.pointee.name),
      codec: String(cString: avcodec_get_name(decoder.pointee.codec_id)),
      pixelFormat: format.map(String.init(cString:)) ?? "unknown",
      height: Int(decoder.pointee.height), width: Int(decoder.pointee.width),
      framesPerSecond: rate.num > 0 && rate.den > 0 ? Double(rate.num) / Double(rate.den) : nil,
      durationSeconds: duration > 0 ? Double(duration) / Double(AV_TIME_BASE) : nil,
      announcedFrames: frames > 0 ? frames : nil, millimetresPerPixel: calibration(in: context))
  }

  private static func calibration(in context: UnsafeMutablePointer<AVFormatContext>) -> [Double]? {
    guard
      let entry = av_dict_get(context.pointee.metadata, MatroskaWriter.calibrationTag, nil, 0),
      let text = entry.pointee.value
    else { return nil }
    let numbers = String(cString: text).split(separator: ",").compactMap { Double($0) }
    return numbers.count == 2 && numbers.allSatisfy { $0 > 0 && $0.isFinite } ? numbers : nil
  }
}
