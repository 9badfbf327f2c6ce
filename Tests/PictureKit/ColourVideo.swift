internal import CLibAV

/// The frames of a picture or video in colour, as libav decodes and converts them.
public struct ColourVideo {
  public private(set) var height = 0
  public private(set) var width = 0
  public private(set) var framesPerSecond = 0.0
  public private(set) var codec = ""
  public private(set) var pixelFormat = ""
  /// `[height, width, 3]` each: red, green, blue.
  public private(set) var frames: [[UInt8]] = []

  public struct Failure: Error, CustomStringConvertible {
    public var description: String
  }

  public init(path: String) throws {
    var demuxer: UnsafeMutablePointer<AVFormatContext>?
    try ColourVideo.check(avformat_open_input(&demuxer, path, nil, nil), "avformat_open_input")
    defer { avformat_close_input(&demuxer) }
    try ColourVideo.check(avformat_find_stream_info(demuxer, nil), "avformat_find_stream_info")
    guard let demuxer, let stream = demuxer.pointee.streams[0],
      let parameters = stream.pointee.codecpar,
      let implementation = avcodec_find_decoder(parameters.pointee.codec_id)
    else { throw Failure(description: "'\(path)' has no stream that can be decoded") }
    var decoder = avcodec_alloc_context3(implementation)
    defer { avcodec_free_context(&decoder) }
    try ColourVideo.check(
      avcodec_parameters_to_context(decoder, parameters), "avcodec_parameters_to_context")
    try ColourVideo.check(avcodec_open2(decoder, implementation, nil), "avcodec_open2")
    codec = String(cString: implementation.pointee.name)
    let rate = stream.pointee.avg_frame_rate
    framesPerSecond = Double(rate.num) / Double(max(rate.den, 1))
    var packet = av_packet_alloc()
    var frame = av_frame_alloc()
    defer {
      av_packet_free(&packet)
      av_frame_free(&frame)
    }
    guard let packet, let frame, let decoder else { throw Failure(description: "no memory") }
    var isDrained = false
    while true {
      let status = avcodec_receive_frame(decoder, frame)
      if status == fathom_averror_eof { break }
      if status == fathom_averror_again, !isDrained {
        av_packet_unref(packet)
        if av_read_frame(demuxer, packet) < 0 {
          isDrained = true
          avcodec_send_packet(decoder, nil)
        } else {
          try ColourVideo.check(avcodec_send_packet(decoder, packet), "avcodec_send_packet")
        }
        continue
      }
      try ColourVideo.check(status, "avcodec_receive_frame")
      try append(frame)
    }
  }

  /// The colour of a pixel: red, green, blue.
  public func pixel(_ frame: Int = 0, x: Int, y: Int) -> [Int] {
    let start = (y * width + x) * 3
    return frames[frame][start..<start + 3].map { Int($0) }
  }

  private mutating func append(_ frame: UnsafeMutablePointer<AVFrame>) throws {
    height = Int(frame.pointee.height)
    width = Int(frame.pointee.width)
    let format = AVPixelFormat(frame.pointee.format)
    pixelFormat = av_get_pix_fmt_name(format).map { String(cString: $0) } ?? "unknown"
    let scaler = sws_getContext(
      Int32(width), Int32(height), format, Int32(width), Int32(height), AV_PIX_FMT_RGB24,
      SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, nil, nil, nil)
    defer { sws_freeContext(scaler) }
    let isFull = frame.pointee.color_range == AVCOL_RANGE_JPEG ? Int32(1) : 0
    let coefficients = sws_getCoefficients(SWS_CS_ITU601)
    sws_setColorspaceDetails(scaler, coefficients, isFull, coefficients, 1, 0, 1 << 16, 1 << 16)
    var pixels = [UInt8](repeating: 0, count: height * width * 3 + 64)
    let (planes, strides) = (frame.pointee.data, frame.pointee.linesize)
    let rows = pixels.withUnsafeMutableBufferPointer { target in
      withUnsafeBytes(of: planes) { planes in
        withUnsafeBytes(of: strides) { strides in
          var targets: [UnsafeMutablePointer<UInt8>?] = [target.baseAddress, nil, nil, nil]
          var targetStrides = [Int32(width * 3), 0, 0, 0]
          return sws_scale(
            scaler, planes.assumingMemoryBound(to: UnsafePointer<UInt8>?.self).baseAddress,
            strides.assumingMemoryBound(to: Int32.self).baseAddress, 0, Int32(height), &targets,
            &targetStrides)
        }
      }
    }
    guard rows == height else { throw Failure(description: "sws_scale gave \(rows) rows") }
    frames.append(Array(pixels.prefix(height * width * 3)))
  }

  private static func check(_ status: Int32, _ call: String) throws {
    guard status < 0 else { return }
    throw Failure(description: "\(call) gave \(status)")
  }
}
